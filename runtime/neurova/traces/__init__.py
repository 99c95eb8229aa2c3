"""Traces: the current span, the spans of sampled calls, and where they are sent or stored."""
