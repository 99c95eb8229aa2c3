"""Inspect, repair and replay the events that subscriptions could not handle."""
