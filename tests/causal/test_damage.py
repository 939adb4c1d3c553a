# SPDX-License-Identifier: Apache-2.0
"""Operations that cannot be read, and tables that cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.causal.company import NOW, Member
from tricord.base.errors import CorruptData, MalformedEncoding
from tricord.base.ordered import Table
from tricord.causal.operation import decode_operation, head_of


def test_damage_of_the_own_tables_is_not_laid_on_who_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(table: Table, key: bytes) -> bytes | None:
        raise CorruptData("data", 0, "a record does not match its checksum")

    one, two = Member(1), Member(2)
    operation = one.put(a="1")
    monkeypatch.setattr(two.store, "get", damaged)
    with pytest.raises(CorruptData):
        two.take(operation)
    monkeypatch.undo()
    assert not two.take(operation).refused
    assert two.read("a") == ["1"]


@given(st.data())
def test_hostile_bytes_are_refused_by_name(data: st.DataObject) -> None:
    good = bytearray(Member(1).put(a="1", b="2").data)
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))
    try:
        operation = decode_operation(bytes(good))
    except MalformedEncoding:
        return
    assert head_of(operation.data).last == operation.last
    two = Member(2)
    result = two.replica.receive(1, [operation], NOW)
    assert len(result.operations) + len(result.refused) + len(two.replica.pending) <= 1
