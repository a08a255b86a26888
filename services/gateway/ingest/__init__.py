"""`POST /v1/events`: parse, assign ids, publish, answer at the confirm."""
