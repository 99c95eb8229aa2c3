"""Signs of overload: queueing delay and the cost of calls."""
