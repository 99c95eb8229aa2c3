"""Counters: what each process has answered, in files that outlive it, summed by who reads."""
