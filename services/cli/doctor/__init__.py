"""`clarion doctor`: faults of the configuration, what cannot be reached, and the remedies."""
