"""The operations of the Admin API, by resource."""
