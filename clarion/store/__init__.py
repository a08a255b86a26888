"""PostgreSQL: the schema, its partitions, the pool and the embedded server."""
