"""Subscriptions: functions that receive events, and the runners that call them."""
