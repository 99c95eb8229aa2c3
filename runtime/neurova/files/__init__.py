"""Files shared by processes: locks, private files, logs."""
