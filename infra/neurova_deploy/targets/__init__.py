"""The targets: where a project is deployed to."""
