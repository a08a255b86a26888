"""Sending what is due: lease, check again, ask providers, record the attempt."""
