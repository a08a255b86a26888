"""Load clients: processes of their own that send and listen."""
