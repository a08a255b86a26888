"""The pusher's REST: the inbox for those who do not hold a socket."""
