"""HTTP as functions meet it: requests, replies, problems, caching."""
