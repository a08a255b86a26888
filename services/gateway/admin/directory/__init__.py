"""Who there is: subscribers and topics, read and written."""
