"""What Playwright starts for a Firefox: a place in the one that `firefox_server.py` keeps running.

Runs without a package, so that it starts in no time: `python -I -S firefox_seat.py SOCKET ...`.
"""

import json
import socket
import sys
import time

WITHIN_S = 20


def main(path: str, *arguments: str) -> None:
    """Say where the browser listens, and stay until the session is over."""
    with socket.socket(socket.AF_UNIX) as server:
        join(server, path)
        server.sendall(json.dumps(arguments).encode() + b"\n")
        lines = server.makefile("r")
        place = int(lines.readline())
        sys.stderr.write(f"WebDriver BiDi listening on ws://127.0.0.1:{place}\n")
        lines.read()


def join(server: socket.socket, path: str) -> None:
    """Connect, once the server is there."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            return server.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
