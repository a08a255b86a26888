"""Bytes in and out: frames, the handshake, close codes, the buffer below a socket."""
