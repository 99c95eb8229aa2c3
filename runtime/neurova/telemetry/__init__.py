"""What functions log, with secrets masked."""
