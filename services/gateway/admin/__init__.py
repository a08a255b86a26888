"""What services and admins ask of the gateway beside publishing events."""
