# SPDX-License-Identifier: Apache-2.0
"""Guarded writes: on real servers they happen while the lock's key is the one that was seen, and not after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tricord
from tricord.base.errors import GuardFailed, LeaseLost, LockLost
from tricord.base.levels import Stamp
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    Event,
    EventKind,
    KeyValue,
    Put,
    PutResult,
    Txn,
    TxnResult,
)
from tricord.client.guards import token_of
from tricord.txn import Token, absent, delete, get, guarded, put, value

STAMP = Stamp(1, 2, 3, 40)


@pytest.fixture(params=["etcd", "tricord"])
def db(request: pytest.FixtureRequest) -> Iterator[tricord.Client]:
    with tricord.connect(request.getfixturevalue(f"{request.param}_endpoint")) as store:
        store.delete_prefix("guards/")
        yield store


def test_a_guarded_step_is_a_transaction_around_it() -> None:
    step = guarded(put("k", "v"), ("lock", 7))
    guard = Compare(b"lock", CompareTarget.CREATE, CompareResult.EQUAL, 7)
    assert step.operation == Txn([guard], [Put(b"k", b"v")], [])
    assert step.read(TxnResult(True, [PutResult()]), STAMP).revision == 40
    with pytest.raises(GuardFailed, match="revision 7"):
        step.read(TxnResult(False, []), STAMP)


def test_whatever_knows_its_token_is_a_guard() -> None:
    class Lost:
        @property
        def token(self) -> Token:
            raise LockLost

    with pytest.raises(LeaseLost):
        guarded(put("k", "v"), Lost())
    assert token_of(("lock", 7)) == token_of(Token(b"lock", 7)) == Token(b"lock", 7)
    with pytest.raises(ValueError, match="above 0"):
        token_of(("lock", 0))


def test_every_write_can_be_guarded(db: tricord.Client) -> None:
    held = Token(b"guards/lock", db.put("guards/lock", "").revision)
    stale = (b"guards/lock", held.revision - 1)
    db.put("guards/a", "1")
    writes: list[tuple[Callable[[Any], Any], Callable[[Any], bool]]] = [
        (lambda by: db.put("guards/a", "2", previous=True, guarded_by=by), lambda reply: reply.previous.text == "1"),
        (lambda by: db.delete("guards/a", guarded_by=by), bool),
        (lambda by: db.delete_prefix("guards/x", guarded_by=by), lambda reply: reply.deleted == 0),
        (lambda by: db.delete_range("guards/x", "guards/y", guarded_by=by), lambda reply: reply.deleted == 0),
        (lambda by: db.txn(when=[absent("guards/a")], then=[put("guards/b", "3")], guarded_by=by), bool),
        (lambda by: db.ask(guarded(put("guards/c", "4"), by)), lambda reply: reply.revision > held.revision),
    ]
    for write, good in writes:
        before = db.prefix("guards/")
        with pytest.raises(GuardFailed):
            write(stale)
        after = db.prefix("guards/")
        assert (after.revision, after.kvs) == (before.revision, before.kvs)
        assert good(write(held))
    db.delete("guards/lock")
    db.put("guards/lock", "somebody else's")
    with pytest.raises(GuardFailed):
        db.put("guards/a", "late", guarded_by=held)
    assert "guards/a" not in db


def test_a_failed_guard_is_told_from_conditions_that_do_not_hold(db: tricord.Client) -> None:
    held = Token(b"guards/lock", db.put("guards/lock", "").revision)
    seen = get("guards/lock")
    reply = db.txn(when=[value("guards/a") == "x"], then=[delete("guards/lock")], otherwise=[seen], guarded_by=held)
    found = reply.of(seen)
    assert not reply.succeeded
    assert found is not None and found.create_revision == held.revision


def test_an_event_reads_like_its_key() -> None:
    event = Event(EventKind.PUT, KeyValue(b"k", b"v", 1, 2, 3))
    assert (event.key, event.value, event.text, event.revision, event.deleted) == (b"k", b"v", "v", 2, False)
    assert Event(EventKind.DELETE, KeyValue(b"k", b"", 0, 9, 0)).deleted
