"""Log lines: where they come from, how they are encoded, and where they go."""
