"""Run a function: transaction, deadline, concurrency limit, thread pool, in-flight call."""
