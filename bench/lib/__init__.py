"""What measures share: servers, fresh ground, figures and their table."""
