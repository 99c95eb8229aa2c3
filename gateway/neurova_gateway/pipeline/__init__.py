"""The steps of a request between the server and its function."""
