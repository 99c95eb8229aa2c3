"""The registry of Avro schemas: its interface, its backends and the rules of compatibility."""
