"""The composition root: settings, the assembled platform, the command line."""

MINIMUM_PYTHON = (3, 11)
