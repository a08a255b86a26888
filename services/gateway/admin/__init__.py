"""The calls of services and admins other than publishing events."""
