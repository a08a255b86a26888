"""Dead letters: messages that cannot be processed, stored in `parked` with reason and body."""
