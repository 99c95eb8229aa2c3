"""What `neurova new` creates."""
