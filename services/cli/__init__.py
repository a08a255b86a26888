"""The command line. It stands above the services, which it runs."""
