"""The port `secrets`: its interface and backends, and the secrets that functions take."""
