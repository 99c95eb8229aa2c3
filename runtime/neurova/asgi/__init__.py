"""ASGI apps: their responses, their lifespan, and the scope of a request."""
