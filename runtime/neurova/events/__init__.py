"""Events: their classes, and their encoding as Avro."""
