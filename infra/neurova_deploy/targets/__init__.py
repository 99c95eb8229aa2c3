"""The targets that a project can be deployed to."""
