"""Checks before any route: authentication, rate limits and the memory budget."""
