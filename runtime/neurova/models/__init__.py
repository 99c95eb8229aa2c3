"""Serve the models of an MLflow registry, without MLflow."""
