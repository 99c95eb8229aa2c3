"""What `neurova dev` adds: reload and a test key."""
