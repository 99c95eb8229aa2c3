"""Kong's configuration, rendered from functions and settings."""
