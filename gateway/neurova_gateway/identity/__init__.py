"""The keys that sign the identity of a caller, for several machines."""
