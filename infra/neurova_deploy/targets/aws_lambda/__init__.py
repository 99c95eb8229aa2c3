"""The target AWS Lambda."""
