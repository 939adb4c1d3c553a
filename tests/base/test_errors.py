# SPDX-License-Identifier: Apache-2.0
"""The one tree of errors: each has a code of its own, says what happened and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tricord.base import errors
from tricord.base.errors import CorruptData, TricordError


def tree(kind: type[TricordError] = TricordError) -> Iterator[type[TricordError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


KINDS = [kind for kind in tree() if kind.__module__ == errors.__name__]


def test_each_code_belongs_to_one_error() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z_]*", code) for code in codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.code))
def test_each_error_says_what_happened_and_what_to_do(kind: type[TricordError]) -> None:
    assert kind.summary
    assert kind.hint
    assert kind.__name__ in (errors.__doc__ or ""), "the tree at the top of the module names every error"


def test_an_error_without_words_says_its_summary() -> None:
    assert str(errors.NoSpace()) == errors.NoSpace.summary
    assert str(errors.NoSpace("the quota of 2 GiB is reached")) == "the quota of 2 GiB is reached"


def test_damage_names_file_and_offset() -> None:
    error = CorruptData("wal/1.wal", 4096, "bad checksum")
    assert (error.path, error.offset) == ("wal/1.wal", 4096)
    assert "wal/1.wal" in str(error)
    assert "4096" in str(error)


def test_only_what_may_be_retried_without_harm_says_so() -> None:
    assert not errors.OutcomeUnknown.retryable
    assert {kind.__name__ for kind in KINDS if kind.retryable} >= {"Unavailable", "NoLeader", "TooManyRequests"}
