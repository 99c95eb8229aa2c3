"""HTTP as functions see it: requests, replies, problems, caching, trace context."""
