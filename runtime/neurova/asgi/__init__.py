"""ASGI applications mounted beside functions, and Starlette's request."""
