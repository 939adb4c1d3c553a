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
    from tricord.base.errors import OutcomeUnknown, TricordError
    from tricord.base.levels import Level
    from tricord.base.operations import KeyValue, SortOrder, SortTarget
    from tricord.base.version import __version__
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.blocking import Client
    from tricord.client.connecting import connect
    from tricord.embedded import open

__all__ = [
    "AsyncClient",
    "Client",
    "KeyValue",
    "Level",
    "OutcomeUnknown",
    "SortOrder",
    "SortTarget",
    "TricordError",
    "__version__",
    "aio",
    "connect",
    "errors",
    "open",
    "txn",
]

_PLACES = {
    "AsyncClient": "tricord.client.asynchronous",
    "Client": "tricord.client.blocking",
    "KeyValue": "tricord.base.operations",
    "Level": "tricord.base.levels",
    "OutcomeUnknown": "tricord.base.errors",
    "SortOrder": "tricord.base.operations",
    "SortTarget": "tricord.base.operations",
    "TricordError": "tricord.base.errors",
    "__version__": "tricord.base.version",
    "connect": "tricord.client.connecting",
    "open": "tricord.embedded",
}
_MODULES = {"aio": "tricord.aio", "errors": "tricord.base.errors", "txn": "tricord.txn"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        value: Any = import_module(_MODULES[name])
    elif name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
