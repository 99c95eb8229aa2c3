"""Spans that functions and libraries make by OpenTelemetry's API, in the platform's traces."""
