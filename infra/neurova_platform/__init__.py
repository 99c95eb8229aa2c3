"""The composition root: settings, the assembled platform, the command line."""
