"""What the gateway calls: functions and mounted apps, bound to requests."""
