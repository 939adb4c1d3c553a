# SPDX-License-Identifier: Apache-2.0
"""Every call passes the one authoriser, and so does every operation nested in it."""

from __future__ import annotations

import pytest

from tricord.auth import authorise as module
from tricord.base.context import Context
from tricord.base.errors import PermissionDenied
from tricord.base.operations import Compact, DeleteRange, Put, Range, Request, Txn

authorise = module.authorise


@pytest.mark.parametrize("request_", [Range(b"a"), Put(b"a", b"1"), DeleteRange(b"a"), Compact(5), Txn([], [], [])])
def test_everything_is_allowed_until_there_are_users(request_: Request) -> None:
    authorise(Context(), request_)
    authorise(Context(identity="anyone"), request_)


def test_each_operation_of_a_transaction_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def forbids_deleting(context: Context, operation: Request) -> None:
        asked.append(operation)
        if type(operation) is DeleteRange:
            raise PermissionDenied
        authorise(context, operation)

    monkeypatch.setattr(module, "authorise", forbids_deleting)
    inner = Txn([], [Range(b"c")], [DeleteRange(b"d")])
    with pytest.raises(PermissionDenied):
        authorise(Context(), Txn([], [Put(b"a", b"1")], [Range(b"b"), inner]))
    assert asked == [Put(b"a", b"1"), Range(b"b"), inner, Range(b"c"), DeleteRange(b"d")]
