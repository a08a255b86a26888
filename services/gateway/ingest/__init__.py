"""`POST /v1/events`: parsed, given ids, published, answered at the confirm."""
