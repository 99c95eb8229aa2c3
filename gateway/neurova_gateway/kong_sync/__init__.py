"""Build Kong's entities for a project, compare them with a running Kong, and load them."""
