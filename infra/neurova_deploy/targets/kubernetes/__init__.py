"""Deploy to Kubernetes."""
