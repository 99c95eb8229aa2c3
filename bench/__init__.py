"""The figures against the field: each a script, its result committed in `results/`. Linux only."""
