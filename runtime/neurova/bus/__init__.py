"""The message bus: publish, consume, retry and dead-letter events."""
