"""Messages of a transaction: published with confirms, read back after a crash."""
