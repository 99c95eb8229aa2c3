"""Deploy to Docker Compose, on one machine."""
