"""Due work: one dispatcher for deliveries, held items, snoozes and slices; and housekeeping."""
