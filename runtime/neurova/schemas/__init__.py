"""The store of Avro schemas, by fingerprint."""
