"""The project's functions as an OpenAPI 3.1 document, and the page that shows it."""
