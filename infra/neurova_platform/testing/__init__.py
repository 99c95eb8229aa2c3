"""The `platform` fixture."""
