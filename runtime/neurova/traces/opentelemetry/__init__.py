"""Record spans that functions and libraries create with OpenTelemetry's API."""
