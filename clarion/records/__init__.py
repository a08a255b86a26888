"""One module for each record: its invariants and its SQL; nobody else writes its tables."""
