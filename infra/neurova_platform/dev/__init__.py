"""What `neurova dev` adds: reload, a test key."""
