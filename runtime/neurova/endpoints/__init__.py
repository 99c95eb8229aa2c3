"""The endpoints that the gateway calls: functions and mounted apps."""
