"""Create files for `neurova new`."""
