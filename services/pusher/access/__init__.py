"""Who may connect and ask, and how often: revocations, tickets, quotas; all in memory."""
