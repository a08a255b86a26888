"""What cannot be processed, kept in `parked` with its reason and its body."""
