# SPDX-License-Identifier: Apache-2.0
"""The async face: ``tricord.aio.connect`` and ``tricord.aio.open`` give an ``AsyncClient``.

async with tricord.aio.connect("localhost:2379") as store:
    await store.put("key", "value")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.connecting import connect_async as connect
    from tricord.client.elections import Election, Leaders
    from tricord.client.leases import Lease
    from tricord.client.locks import Lock
    from tricord.client.watching import Watch
    from tricord.embedded import open_async as open

__all__ = ["AsyncClient", "Election", "Leaders", "Lease", "Lock", "Watch", "connect", "open"]

_PLACES = {
    "AsyncClient": ("tricord.client.asynchronous", "AsyncClient"),
    "Election": ("tricord.client.elections", "Election"),
    "Leaders": ("tricord.client.elections", "Leaders"),
    "Lease": ("tricord.client.leases", "Lease"),
    "Lock": ("tricord.client.locks", "Lock"),
    "Watch": ("tricord.client.watching", "Watch"),
    "connect": ("tricord.client.connecting", "connect_async"),
    "open": ("tricord.embedded", "open_async"),
}


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _PLACES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    from importlib import import_module

    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
