"""The inbox as PostgreSQL keeps it: pages, snapshots, heads, and the commands that change it."""
