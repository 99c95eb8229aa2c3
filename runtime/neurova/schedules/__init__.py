"""Schedules: functions that run at certain times, and the runner that calls them."""
