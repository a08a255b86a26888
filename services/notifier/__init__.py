"""The notifier: turns events into notifications and deliveries and sends them when they are due.

Inputs: events and slices from `clarion.events`, jobs from `clarion.deliveries`, dead letters from
`clarion.parked`, and the clock. Outputs: rows in PostgreSQL, announcements on `clarion.live`,
requests to providers. Promises: one notification per event and recipient under any redelivery; no
message is acknowledged before its work is stored and announced; a poison message is dead-lettered
alone. Any number of notifiers run side by side without a leader.
"""
