"""Free TCP ports that stay ours while a server is down."""

import os
import socket
import threading

# Below every system's range for outgoing connections (Linux 32768, macOS 49152). In that range a client that keeps
# trying to reach a killed server can be given the server's own port, connect to itself, and so keep the server out.
FIRST, COUNT = 20_000, 10_000

_lock = threading.Lock()
_reserved: set[int] = set()
"""Ports given out. Each has a UDP socket of the same number, open to the end of this process: the kernel gives it to
one process at a time. A test of the TCP port alone says only that nobody listens there yet."""


def free_port() -> int:
    """A loopback port that nobody listens on, and that no process that lives was given by this function."""
    start = os.getpid() * 37  # Runs side by side begin at different places.
    with _lock:
        for step in range(COUNT):
            port = FIRST + (start + step) % COUNT
            if port not in _reserved and _reserve(port):
                return port
    raise OSError(f"no free port between {FIRST} and {FIRST + COUNT}")


def _reserve(port: int) -> bool:
    reservation = socket.socket(type=socket.SOCK_DGRAM)
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        return False
    if not is_free(port):
        reservation.close()
        return False
    _reserved.add(port)
    reservation.detach()  # nobody closes it
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # Servers set it too: connections of a killed predecessor may linger in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
