"""The HTTP/1.1 server and the ASGI entry point."""
