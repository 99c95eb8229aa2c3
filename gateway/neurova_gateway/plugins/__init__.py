"""Kong plugins hosted in process, and their logic."""
