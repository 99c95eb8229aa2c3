"""Kong's entities for a project, compared with a running Kong and loaded into it."""
