"""Read, run and write migrations (revisions), for all backends."""
