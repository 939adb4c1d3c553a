# SPDX-License-Identifier: Apache-2.0
"""The marks of the log in META, beside the effects: how far it has been applied, the chain up to there, and the
cluster's configuration in force there.
"""

from __future__ import annotations

from tricord.base.message import message
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, META_CONFIGURATION, Table, View, Write

META_DOWNGRADE = b"downgrade"
"""Key in META: the version that the cluster is marked to go back to (UTF-8; absent or empty: none)."""
META_CHAIN = b"chain"
"""Key in META: the chain hash after the applied entry (8 bytes, big endian; absent: 0)."""

_META = Table.META


@message
class AppliedMark:
    """Index and term of the entry applied last, and the chain hash after it. All 0 for a fresh store."""

    index: int = 0
    term: int = 0
    chain: int = 0


def read_applied_mark(view: View) -> AppliedMark:
    """The mark in ``view``."""
    return AppliedMark(_number(view, META_APPLIED_INDEX), _number(view, META_APPLIED_TERM), _number(view, META_CHAIN))


def applied_mark_writes(mark: AppliedMark) -> list[Write]:
    """The writes that record ``mark``."""
    return [
        (_META, META_APPLIED_INDEX, mark.index.to_bytes(8, "big")),
        (_META, META_APPLIED_TERM, mark.term.to_bytes(8, "big")),
        (_META, META_CHAIN, mark.chain.to_bytes(8, "big")),
    ]


def read_configuration(view: View) -> bytes:
    """The configuration in ``view``, as it is encoded; empty: none yet."""
    return view.get(_META, META_CONFIGURATION) or b""


def configuration_write(configuration: bytes) -> Write:
    """The write that records the configuration."""
    return Table.META, META_CONFIGURATION, configuration


def _number(view: View, name: bytes) -> int:
    record = view.get(Table.META, name)
    assert record is None or len(record) == 8, f"META's {name.decode()} is no number of 8 bytes"
    return int.from_bytes(record or b"", "big")
