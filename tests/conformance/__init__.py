"""Schemathesis over our own document, against a real `neurova run`."""
