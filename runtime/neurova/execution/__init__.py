"""Run functions: in-flight calls, deadlines, concurrency limits, threads, transactions."""
