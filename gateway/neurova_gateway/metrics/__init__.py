"""Counters: each worker process has a memory-mapped file; the Admin API sums all files."""
