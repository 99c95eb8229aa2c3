"""Schemathesis tests our OpenAPI document against a real `neurova run`."""
