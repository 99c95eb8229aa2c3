"""Serve a platform on a port."""
