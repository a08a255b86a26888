"""Pure text: messages of a channel, encoded and escaped for their target."""
