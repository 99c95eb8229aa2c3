"""The gateway: server, pipeline, plugins, keys, limits, metrics, Admin API."""
