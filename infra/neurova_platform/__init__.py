"""The composition root: settings, the assembled platform, the command line."""

DISTRIBUTION = "neurova-platform"
MINIMUM_PYTHON = (3, 11)
