"""Before any route: who calls, how often, and how much memory a request may take."""
