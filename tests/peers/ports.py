# SPDX-License-Identifier: Apache-2.0
"""Ports of loopback for servers that tests start: nobody else on this machine is given the same one.

A port that the kernel names is free for a moment only: until a server binds it, seconds later on a busy machine, it may
be named again or be taken for the near end of somebody's connection, and again while the server is down between two of
its lives. So these lie below those that the kernel gives away by itself. Each process has blocks of its own, which it
claims by listening at their first port for as long as it lives, and gives no port of them twice.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

FIRST = 10_000
BLOCK = 100
KERNELS_FIRST = 32_768
"""From here on the kernel gives ports away, unless it says otherwise."""


def _kernels_first() -> int:
    """Where the kernel's own ports begin, if there are blocks enough below that."""
    try:
        said = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return KERNELS_FIRST
    return min(said, KERNELS_FIRST) if said >= FIRST + 100 * BLOCK else KERNELS_FIRST


def _listening(port: int) -> socket.socket | None:
    """A socket that listens there, or None where somebody else does."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(1)
    except OSError:
        sock.close()
        return None
    return sock


def _ports() -> Iterator[int]:
    """Ports of one block after another."""
    firsts = list(range(FIRST, _kernels_first() - BLOCK + 1, BLOCK))
    random.Random().shuffle(firsts)  # processes that begin at the same time rarely want the same block
    for first in firsts:
        if (claim := _listening(first)) is None:
            continue
        _claims.append(claim)
        for port in range(first + 1, first + BLOCK):
            if probe := _listening(port):
                probe.close()
                yield port
    raise AssertionError("no port is left on this machine")


_claims: list[socket.socket] = []
_given = _ports()
_one_at_a_time = threading.Lock()


def free_port() -> int:
    """A port of loopback where nobody listens, and which is this caller's until the process ends."""
    with _one_at_a_time:
        return next(_given)
