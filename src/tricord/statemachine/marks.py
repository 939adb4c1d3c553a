# SPDX-License-Identifier: Apache-2.0
"""The applied mark: how far the log has been applied, and the chain up to there. Kept in META beside the effects."""

from __future__ import annotations

from tricord.base.message import message
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Table, View, Write

META_CHAIN = b"chain"
"""Key in META: the chain hash after the applied entry (8 bytes, big endian; absent: 0)."""


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
        (Table.META, META_APPLIED_INDEX, mark.index.to_bytes(8, "big")),
        (Table.META, META_APPLIED_TERM, mark.term.to_bytes(8, "big")),
        (Table.META, META_CHAIN, mark.chain.to_bytes(8, "big")),
    ]


def _number(view: View, name: bytes) -> int:
    record = view.get(Table.META, name)
    assert record is None or len(record) == 8, f"META's {name.decode()} is no number of 8 bytes"
    return int.from_bytes(record or b"", "big")
