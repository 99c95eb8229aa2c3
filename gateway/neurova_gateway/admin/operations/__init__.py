"""The operations of the Admin API, one module per resource."""
