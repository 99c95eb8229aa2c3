"""Create the OpenAPI 3.1 document of a project, and serve it with a page that displays it."""
