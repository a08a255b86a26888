"""What a transaction gives to others: published with confirms, read back after a crash."""
