"""Messages as they arrive: parsed into events and slices, or malformed with a reason."""
