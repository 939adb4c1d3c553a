# SPDX-License-Identifier: Apache-2.0
"""UDP: datagrams go both ways, names are looked up, and what cannot be sent is lost without a word."""

from __future__ import annotations

import asyncio

import pytest

from tricord.base.environment import Environment
from tricord.runtime import run


def test_datagrams_go_both_ways_and_a_name_is_looked_up() -> None:
    async def main(environment: Environment) -> None:
        got: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()
        one = await environment.network.open_datagrams("127.0.0.1", 0, lambda *told: got.put_nowait(told))
        other = await environment.network.open_datagrams("127.0.0.1", 0, lambda data, host: one.send(data, *back))
        back, port = one.address(), other.address()[1]
        one.send(b"there and back", "127.0.0.1", port)
        assert await got.get() == (b"there and back", "127.0.0.1")
        for _ in range(1000):  # those that are sent during the first look-up are lost
            one.send(b"by name", "localhost", port)
            await asyncio.sleep(0.01)
            if not got.empty():
                break
        assert await got.get() == (b"by name", "127.0.0.1")
        one.close()
        other.close()

    run(main)


def test_what_cannot_be_sent_is_lost_and_a_taken_port_is_told() -> None:
    async def main(environment: Environment) -> None:
        got: asyncio.Queue[bytes] = asyncio.Queue()
        one = await environment.network.open_datagrams("127.0.0.1", 0, lambda data, host: got.put_nowait(data))
        host, port = one.address()
        one.send(b"of another family", "::1", port)
        one.send(bytes(70_000), host, port)
        one.send(b"nobody there", host, 9)
        one.send(b"no such name", "no-such-host.invalid", port)
        one.send(b"fine", host, port)
        assert await got.get() == b"fine"
        with pytest.raises(OSError):
            await environment.network.open_datagrams(host, port, lambda data, host: None)
        one.close()
        one.close()
        one.send(b"closed", host, port)

    run(main)
