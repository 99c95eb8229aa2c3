"""Serve a platform on a socket, and call one."""
