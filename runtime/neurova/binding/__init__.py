"""From a signature to compiled arguments, and the validation of what was sent."""
