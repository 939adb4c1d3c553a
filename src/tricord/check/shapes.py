# SPDX-License-Identifier: Apache-2.0
"""What the input and output of each kind of operation look like (docs/check.md).

Operations that are not listed here pass: a model says itself which it can judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from tricord.check.history import OK, Operation

ON_ONE_KEY = frozenset(("put", "get", "delete", "cas", "append", "enqueue", "dequeue", "watch"))
ON_LOCKS = frozenset(("acquire", "release", "lose", "grant", "renew", "revoke", "expire"))


def complaint(one: Operation) -> str:
    """What is wrong with the operation, in a sentence that begins with its name; empty if nothing is."""
    op = one.op
    if one.key is None and (op in ON_ONE_KEY or op in ON_LOCKS):
        return f"a {op} needs a key: text"
    shape = SHAPES.get(op)
    return "" if shape is None else shape(one)


def _put(one: Operation) -> str:
    return "" if type(one.input) is str else "the input of a put is the value: text"


def _get(one: Operation) -> str:
    if one.status != OK or one.output is None or type(one.output) is str:
        return ""
    return "the output of a get is the value: text, or null, written out, where the key was not there"


def _cas(one: Operation) -> str:
    given = one.input
    if type(given) is not dict or given.keys() != {"expect", "value"} or not all(map(_is_value, given.values())):
        return 'the input of a cas is {"expect": text or null, "value": text or null}'
    if one.status == OK and type(one.output) is not bool:
        return "the output of a cas is true or false: whether it took place"
    return ""


def _append(one: Operation) -> str:
    if type(one.input) is not str:
        return "the input of an append is text"
    if one.status == OK and one.output is not UNSET and not _is_value(one.output):
        return "the output of an append is null, or the whole text after it"
    return ""


def _dequeue(one: Operation) -> str:
    told = one.status != OK or one.output is not UNSET
    return "" if told else "the output of a dequeue is the element, or null, written out, where the queue was empty"


def _is_value(value: Any) -> bool:
    return value is None or type(value) is str


def _txn(one: Operation) -> str:
    given = one.input
    if type(given) is not list or not all(map(_is_step, given)):
        return 'the input of a txn is a list of ["r", key, null], ["w", key, value] and ["append", key, element]'
    if one.status != OK:
        return ""
    found = one.output
    if type(found) is not list or not all(map(_is_step, found)) or len(found) != len(given):
        return "the output of a txn has the steps of its input, with what was read in place of null"
    for asked, answered in zip(given, found, strict=True):
        if asked[:2] != answered[:2] or (asked[0] != "r" and asked[2] != answered[2]):
            return (
                f"the txn was asked {asked} and answered {answered}: a step keeps its kind, its key and what it writes"
            )
    return ""


def _is_step(step: Any) -> bool:
    if type(step) is not list or len(step) != 3:
        return False
    kind, key, value = step
    if type(key) not in (str, int):
        return False
    if kind == "r":
        return type(value) is not dict
    if kind == "append":
        return type(value) in (str, int)
    return kind == "w" and (value is None or type(value) in (str, int))


SHAPES: dict[str, Callable[[Operation], str]] = {
    "put": _put,
    "get": _get,
    "cas": _cas,
    "append": _append,
    "dequeue": _dequeue,
    "txn": _txn,
}
