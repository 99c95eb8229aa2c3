"""Reload and the test key of `neurova dev`."""
