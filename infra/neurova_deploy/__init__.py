"""Deploy a project: plan, compare, apply, state and history, for any target."""
