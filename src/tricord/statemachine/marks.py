# SPDX-License-Identifier: Apache-2.0
"""The applied mark: how far the log has been applied, and the chain up to there. Kept in META beside the effects."""

from __future__ import annotations

from struct import Struct

from tricord.base.message import message
from tricord.base.ordered import Table, View, Write

APPLIED = b"applied"
"""META's name of the mark."""

_MARK = Struct(">BQQQ")
_FORMAT = 1


@message
class AppliedMark:
    """Index and term of the entry applied last, and the chain hash after it. All 0 for a fresh store."""

    index: int = 0
    term: int = 0
    chain: int = 0


def read_applied_mark(view: View) -> AppliedMark:
    """The mark in ``view``."""
    record = view.get(Table.META, APPLIED)
    if record is None:
        return AppliedMark()
    version, index, term, chain = _MARK.unpack(record)
    assert version == _FORMAT, f"applied mark has format {version}"
    return AppliedMark(index, term, chain)


def write_applied_mark(mark: AppliedMark) -> Write:
    """The write that records ``mark``."""
    return Table.META, APPLIED, _MARK.pack(_FORMAT, mark.index, mark.term, mark.chain)
