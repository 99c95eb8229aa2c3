"""Call counters: one memory-mapped file a worker process, summed by the Admin API."""
