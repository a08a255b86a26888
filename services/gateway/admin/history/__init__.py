"""History. Every query is served by an index and bound to one tenant."""
