# SPDX-License-Identifier: Apache-2.0
"""The lines of watchers: one for each response of a watch (docs/check.md).

``{"client":"w1","op":"watch","key":"jobs/","input":{"range_end":"jobs0","start_revision":5,"prev_kv":true},
"output":{"revision":9,"events":[{"type":"put","key":"jobs/a","value":"v","mod_revision":9,"prev_kv":null}]},...}``

Lines of one client with the same key and input are one watch. Without events a response is a mark: everything up to
its revision was told. ``created`` says that the watch begins, ``compacted`` that it ends, ``fragment`` that more of the
same revision follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tricord.check.history import OK, BadHistory, Operation

NO_PUT, NO_DELETE = "noput", "nodelete"


class KeyValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key held. Revisions and version 0: not recorded."""

    value: str | None
    mod_revision: int = 0
    create_revision: int = 0
    version: int = 0
    key: str | None = None


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change."""

    type: str
    key: str
    mod_revision: int
    value: str | None = None
    create_revision: int = 0
    version: int = 0
    prev_kv: KeyValue | None = None

    @property
    def is_put(self) -> bool:
        """Else it is a deletion."""
        return self.type == "put"


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a watch asks for: its input."""

    range_end: str = ""
    start_revision: int = 0
    prev_kv: bool = False
    filters: tuple[str, ...] = ()
    progress_notify: bool = False
    fragment: bool = False
    watch: int | str = 0
    """Tells watches apart that ask for the same."""


class Response(msgspec.Struct, forbid_unknown_fields=True):
    """What a watch was told: its output, and the line."""

    revision: int = 0
    events: tuple[Event, ...] = ()
    created: bool = False
    fragment: bool = False
    compacted: int = 0
    index: int = -1
    return_ns: int = 0


class Watch:
    """One watch with all its responses, in order."""

    def __init__(self, client: int | str, key: str, wish: Wish) -> None:
        self.client = client
        self.key = key
        self.wish = wish
        self.responses: list[Response] = []

    @property
    def first_due(self) -> int:
        """The first revision that it is to be told of; 0 where nobody knows."""
        if self.wish.start_revision:
            return self.wish.start_revision
        return next((one.revision + 1 for one in self.responses if one.created and one.revision), 0)

    def asked_for(self, key: str, is_put: bool) -> bool:
        """Whether it is to be told of such a change."""
        if (NO_PUT if is_put else NO_DELETE) in self.wish.filters:
            return False
        end = self.wish.range_end
        if not end:
            return key == self.key
        return self.key <= key and (end == "\0" or key < end)


def watches_of(operations: Iterable[Operation]) -> list[Watch]:
    """All watches of a history. Raises BadHistory."""
    found: dict[tuple[int | str, str, Wish], Watch] = {}
    for one in sorted((each for each in operations if each.op == "watch"), key=_told_at):
        if one.key is None:
            raise BadHistory(f"line {one.index + 1}: a watch needs a key: text")
        wish = _converted(one, one.input or {}, Wish, "input")
        watch = found.setdefault((one.client, one.key, wish), Watch(one.client, one.key, wish))
        if one.status != OK:
            continue
        response = _converted(one, one.output, Response, "output")
        response.index, response.return_ns = one.index, one.return_ns or 0
        wrong = [event.type for event in response.events if event.type not in ("put", "delete")]
        if wrong:
            raise BadHistory(f"line {one.index + 1}: the type of an event is put or delete, not {wrong[0]!r}")
        watch.responses.append(response)
    return list(found.values())


def _told_at(one: Operation) -> tuple[int, int]:
    """Responses come in the order of their returns, whenever their watcher began to wait."""
    return one.call_ns if one.return_ns is None else one.return_ns, one.call_ns


def _converted(one: Operation, value: Any, kind: type[Any], name: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadHistory(
            f"line {one.index + 1}: the {name} of a watch is not as docs/check.md has it: {error}"
        ) from None
