"""Consuming `clarion.events` and `clarion.parked`: batches of one lane, planned and
acknowledged."""
