"""What the gateway calls: functions and mounted apps, bound to HTTP requests."""
