# SPDX-License-Identifier: Apache-2.0
"""A listener for several protocols: a connection goes to the one that its first bytes name, or is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport.prefaced import PATIENCE_SECONDS, Prefaced


class Keeper(asyncio.Protocol):
    """Keeps what it gets."""

    def __init__(self, got: bytearray) -> None:
        self._got = got

    def data_received(self, data: bytes) -> None:
        self._got += data


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([b"ONE", b" more"], (b"ONE more", b"", False)),
        ([b"O", b"T", b"HER"], (b"", b"OTHER", False)),
        ([b"ON", b"O"], (b"", b"", True)),
        ([b"GET / HTTP/1.1"], (b"", b"", True)),
        ([b"O"], (b"", b"", True)),
        ([], (b"", b"", True)),
    ],
)
def test_a_connection_goes_to_whom_its_first_bytes_name(
    parts: list[bytes], expected: tuple[bytes, bytes, bool]
) -> None:
    async def story(loop: VirtualLoop) -> None:
        network, one, other = MemoryNetwork(loop), bytearray(), bytearray()
        environment = simulated_environment(loop, None, 1, network)  # type: ignore[arg-type]
        choices: dict[bytes, Any] = {b"ONE": lambda: Keeper(one), b"OTHER": lambda: Keeper(other)}
        await network.listen("m", 1, lambda: Prefaced(environment, choices))
        transport, _ = await network.connect("m", 1, asyncio.Protocol)
        for part in parts:
            transport.write(part)
            await asyncio.sleep(0.1)
        await asyncio.sleep(PATIENCE_SECONDS + 1)
        assert (bytes(one), bytes(other), transport.is_closing()) == expected
        transport.close()
        await asyncio.sleep(1)

    loop = VirtualLoop()
    try:
        loop.run_until_complete(story(loop))
    finally:
        loop.close()
