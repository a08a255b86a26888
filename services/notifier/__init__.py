"""The notifier: turns events into notifications and deliveries, sends them, wakes what is due.

Takes events and slices from `clarion.events`, jobs from `clarion.deliveries`, dead letters from
`clarion.parked`, and the clock. Gives rows in PostgreSQL, announcements on `clarion.live`, and
requests to providers. Promises: one notification per event and recipient whatever is sent again;
nothing is acknowledged before it is stored and announced; what is poison is parked alone. Any
number run side by side; none is a leader.
"""
