"""The types of the settings in neurova.toml."""
