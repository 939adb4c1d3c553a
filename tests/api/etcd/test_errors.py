# SPDX-License-Identifier: Apache-2.0
"""Every error type has its place in etcd's table, with a text that is etcd's own where etcd has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tricord.api.etcd.errors import TABLE, describe
from tricord.base.errors import KeyNotProvided, MembershipRefused, ServerFault, TricordError
from tricord.wire.etcd.membership import REFUSALS
from tricord.wire.grpc.status import Status


def subclasses(kind: type[TricordError]) -> Iterator[type[TricordError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def test_every_error_type_of_the_vocabulary_is_in_the_table() -> None:
    kinds = {kind for kind in subclasses(TricordError) if kind.__module__ == "tricord.base.errors"}
    assert kinds == set(TABLE)


@pytest.mark.parametrize("kind", sorted(TABLE, key=str))
def test_texts_are_etcds_or_the_errors_own_and_codes_are_failures(kind: type[TricordError]) -> None:
    status, text = TABLE[kind]
    assert status is not Status.OK
    assert text is None or text.startswith(("etcdserver: ", "context "))


def test_an_error_without_a_text_of_etcds_keeps_its_own() -> None:
    assert describe(ServerFault("it said so")) == (Status.UNKNOWN, "it said so")


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_a_refused_change_of_the_members_is_told_by_its_reason(reason: str) -> None:
    assert describe(MembershipRefused("in other words", reason=reason)) == REFUSALS[reason]


def test_a_refusal_for_another_reason_keeps_its_own_text() -> None:
    refused = MembershipRefused("the moon is full", reason="moon")
    assert describe(refused) == (Status.FAILED_PRECONDITION, "the moon is full")


def test_the_nearest_ancestor_speaks_for_a_type_that_is_not_in_the_table() -> None:
    class Newer(KeyNotProvided):
        pass

    assert describe(Newer("x")) == (Status.INVALID_ARGUMENT, "etcdserver: key is not provided")
