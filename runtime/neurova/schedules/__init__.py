"""Schedules: functions that run at certain times, and what runs them."""
