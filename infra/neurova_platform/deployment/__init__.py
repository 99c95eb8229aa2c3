"""What `neurova deploy` needs of a project."""
