"""Subscriptions: functions that receive events, and what runs them."""
