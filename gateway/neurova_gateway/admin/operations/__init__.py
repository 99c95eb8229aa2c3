"""The operations of the Admin API: each module declares those of one resource."""
