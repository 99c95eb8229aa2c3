"""Measure overload: queueing delay and the cost of calls."""
