"""One module for each record: its invariants and its SQL. No other module writes its tables."""
