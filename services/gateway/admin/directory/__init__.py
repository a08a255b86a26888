"""The directory of subscribers and topics."""
