"""Sending due deliveries: lease, recheck, call providers, record the attempts."""
