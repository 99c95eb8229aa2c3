"""Prepare a project for `neurova deploy`."""
