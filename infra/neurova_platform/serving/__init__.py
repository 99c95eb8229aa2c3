"""Serve a platform on a socket."""
