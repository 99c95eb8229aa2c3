"""Files shared by processes: locks, private files, whole lines."""
