"""Benchmarks against other servers: one script per figure, with committed results. Linux only."""
