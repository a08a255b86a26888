"""Pure text: what a message of a channel says, encoded and escaped for where it goes."""
