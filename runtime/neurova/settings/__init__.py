"""The types of the settings, by section of neurova.toml."""
