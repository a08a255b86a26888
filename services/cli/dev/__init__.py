"""`clarion dev`: all of Clarion in one process on one port, to try out and to develop with."""
