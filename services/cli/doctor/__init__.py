"""`clarion doctor`: what is wrong with the configuration, what cannot be reached, the remedies."""
