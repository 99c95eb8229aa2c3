"""Load function files: import, bind, and check the routes."""
