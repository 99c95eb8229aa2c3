"""Run a function: concurrency, deadline, transaction, reply."""
