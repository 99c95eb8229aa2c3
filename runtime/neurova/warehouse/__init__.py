"""The warehouse: events and call records in columnar tables, for reports."""
