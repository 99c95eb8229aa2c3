"""The gateway: the ordered steps between the server and a function."""
