"""The routes of the pusher: the inbox by REST, tickets and the feed."""
