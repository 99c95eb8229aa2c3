"""The Admin API's server, client, token and address."""
