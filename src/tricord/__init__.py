# SPDX-License-Identifier: Apache-2.0
"""One store, three consistencies: a replicated store for coordination and shared state.

``connect`` gives a client of tricord or etcd, ``open`` a store in this process, ``aio`` both for coroutines,
``txn`` the words of transactions. Everything is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tricord import aio, txn
    from tricord.base import errors
    from tricord.base.errors import GuardFailed, LeadershipLost, LeaseLost, LockLost, OutcomeUnknown, TricordError
    from tricord.base.levels import Bounded, Level
    from tricord.base.operations import Event, KeyValue, SortOrder, SortTarget
    from tricord.base.version import __version__
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.blocking import Client
    from tricord.client.blocking_holding import BlockingElection as Election
    from tricord.client.blocking_holding import BlockingLock as Lock
    from tricord.client.blocking_lease import BlockingLease as Lease
    from tricord.client.blocking_watch import BlockingWatch as Watch
    from tricord.client.connecting import connect
    from tricord.client.feed import Progress, Resynced
    from tricord.client.guards import Token
    from tricord.embedded import open

__all__ = [
    "AsyncClient",
    "Bounded",
    "Client",
    "Election",
    "Event",
    "GuardFailed",
    "KeyValue",
    "LeadershipLost",
    "Lease",
    "LeaseLost",
    "Level",
    "Lock",
    "LockLost",
    "OutcomeUnknown",
    "Progress",
    "Resynced",
    "SortOrder",
    "SortTarget",
    "Token",
    "TricordError",
    "Watch",
    "__version__",
    "aio",
    "connect",
    "errors",
    "open",
    "txn",
]

_PLACES = {
    "AsyncClient": "tricord.client.asynchronous",
    "Bounded": "tricord.base.levels",
    "Client": "tricord.client.blocking",
    "Event": "tricord.base.operations",
    "GuardFailed": "tricord.base.errors",
    "KeyValue": "tricord.base.operations",
    "LeadershipLost": "tricord.base.errors",
    "LeaseLost": "tricord.base.errors",
    "Level": "tricord.base.levels",
    "LockLost": "tricord.base.errors",
    "OutcomeUnknown": "tricord.base.errors",
    "Progress": "tricord.client.feed",
    "Resynced": "tricord.client.feed",
    "SortOrder": "tricord.base.operations",
    "SortTarget": "tricord.base.operations",
    "Token": "tricord.client.guards",
    "TricordError": "tricord.base.errors",
    "__version__": "tricord.base.version",
    "connect": "tricord.client.connecting",
    "open": "tricord.embedded",
}
_RENAMED = {
    "Election": ("tricord.client.blocking_holding", "BlockingElection"),
    "Lease": ("tricord.client.blocking_lease", "BlockingLease"),
    "Lock": ("tricord.client.blocking_holding", "BlockingLock"),
    "Watch": ("tricord.client.blocking_watch", "BlockingWatch"),
}
"""What is called otherwise where it is made, because its async twin has the name there."""
_MODULES = {"aio": "tricord.aio", "errors": "tricord.base.errors", "txn": "tricord.txn"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        value: Any = import_module(_MODULES[name])
    elif name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
    elif name in _RENAMED:
        module, original = _RENAMED[name]
        value = getattr(import_module(module), original)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
