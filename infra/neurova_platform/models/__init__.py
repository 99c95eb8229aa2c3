"""Register, promote and watch models, for the command line."""
