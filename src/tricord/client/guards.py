# SPDX-License-Identifier: Apache-2.0
"""Fencing: a write that happens only while a lock is held, decided by the store at the write's place in its order.

A lock's key is made anew by every holder, so its create revision names one holding of the lock. The compare travels
with the write, as a transaction around it, and works on every etcd.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar

from tricord.base.errors import GuardFailed
from tricord.base.levels import Stamp
from tricord.base.message import message
from tricord.base.operations import Compare, CompareResult, CompareTarget, OperationResult, Txn, TxnResult
from tricord.client.keys import Data, quoted, to_bytes
from tricord.client.steps import Step

R = TypeVar("R")


@message
class Token:
    """One holding of a lock. ``revision`` (the key's create revision) grows with every holder: a fencing token."""

    key: bytes
    revision: int


class Holding(Protocol):
    """What can be held and lost: a lock, a leadership."""

    @property
    def token(self) -> Token:
        """This holding's. Raises LeaseLost when it is known not to be held."""


Guard: TypeAlias = Token | Holding | tuple[Data, int]
"""What a write may be guarded by: a lock or an election that is held, its token, or (key, create revision)."""


def token_of(guard: Guard) -> Token:
    """The token that a guard stands for. Raises LeaseLost when its holder knows already that it is lost."""
    if isinstance(guard, Token):
        token = guard
    elif isinstance(guard, tuple):
        key, revision = guard
        token = Token(to_bytes(key), revision)
    else:
        token = guard.token
    if not token.revision > 0:
        raise ValueError("a guard's create revision is above 0: 0 would mean that nobody has the lock")
    return token


def guarded(step: Step[R], by: Guard) -> Step[R]:
    """``step``, carried out only while ``by`` is held; else its answer is GuardFailed, and nothing was done.

    A step that is a transaction goes in whole: that its own conditions do not hold is its answer, as ever.
    """
    token = token_of(by)
    compare = Compare(token.key, CompareTarget.CREATE, CompareResult.EQUAL, token.revision)

    def read(result: OperationResult, stamp: Stamp) -> R:
        assert type(result) is TxnResult
        if not result.succeeded:
            key = quoted(token.key)
            raise GuardFailed(f"{key} has not the create revision {token.revision} any more: nothing was done")
        return step.read(result.results[0], stamp)

    return Step(Txn([compare], [step.operation], []), read)
