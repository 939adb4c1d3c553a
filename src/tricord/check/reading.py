# SPDX-License-Identifier: Apache-2.0
"""Histories from bytes, and back: one JSON object a line (docs/check.md).

Strict, since a checker that guesses what a line means says nothing: an unknown status, a wrong type, a missing field
or a return before its call is a BadHistory, with its line and what to do. So is a client that does two things at once,
where the model goes by the order of each client's operations.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import UNSET

from tricord.check.history import OK, UNKNOWN, BadHistory, History, Operation, turn
from tricord.check.shapes import complaint

GZIP = b"\x1f\x8b"
"""What a compressed file begins with."""
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Line(Operation, kw_only=True, gc=False, omit_defaults=True):
    """An operation as a file has it. What must be there depends on the operation and its status."""

    client: int | str
    op: str
    key: str | None = None
    input: Any = UNSET
    output: Any = UNSET
    call_ns: Natural
    return_ns: Natural | None = None
    status: Literal["ok", "fail", "unknown"]
    revision: Natural | None = 0  # type: ignore[assignment]  # null is made 0 when the line was read


_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


def read_history(data: bytes, *, may_overlap: bool = False) -> History:
    """The operations of a whole file. Nothing in it is an empty history. Raises BadHistory.

    ``may_overlap``: a client may do several things at once, since the order of its operations does not count.
    """
    data = data.removeprefix(BOM_UTF8).rstrip()
    if not data:
        return History(())
    try:
        operations = _decoder.decode_lines(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _raise_for_the_first_bad_line(data)
    if len(operations) != data.count(b"\n") + 1:
        _raise_for_the_first_bad_line(data)
    for number, one in enumerate(operations, 1):
        wrong = complaint(one)
        if one.return_ns is None:
            if one.status == OK and not wrong:
                wrong = 'an operation that is ok has returned: give return_ns, or the status "unknown"'
        elif one.return_ns < one.call_ns:
            wrong = "return_ns is before call_ns: take both from one clock that never goes back"
        if wrong:
            raise BadHistory(f"line {number}: {wrong}")
        if one.input is UNSET:
            one.input = None
        if one.output is UNSET:
            one.output = None
        if one.revision is None:
            one.revision = 0
    history = History(operations)
    if not may_overlap:
        _clients_do_one_thing_at_a_time(operations)
    return history


def line_of(operation: Operation) -> bytes:
    """The operation as a line, its end included; every field is written."""
    fields = {
        "client": operation.client,
        "op": operation.op,
        "key": operation.key,
        "input": operation.input,
        "output": operation.output,
        "call_ns": operation.call_ns,
        "return_ns": operation.return_ns,
        "status": operation.status,
    }
    if operation.revision:
        fields["revision"] = operation.revision
    return _encoder.encode(fields) + b"\n"


def _clients_do_one_thing_at_a_time(operations: Iterable[Operation]) -> None:
    """An unknown operation may still be open while its client goes on; any other has returned before the next call."""
    latest: dict[int | str, Operation] = {}
    for one in operations:
        before = latest.get(one.client)
        if before is not None and one.call_ns <= before.call_ns and turn(one) < turn(before):
            _clients_do_one_thing_at_a_time(sorted(operations, key=turn))
            return
        if before is not None and before.status != UNKNOWN and (before.return_ns or 0) > one.call_ns:
            raise BadHistory(
                f"line {one.index + 1}: client {one.client!r} calls {one.op} at {one.call_ns} ns, "
                f"but its {before.op} of line {before.index + 1} returns at {before.return_ns} ns only; the order of "
                "a client's operations counts here, so give what works at the same time a client each"
            )
        latest[one.client] = one


def _raise_for_the_first_bad_line(data: bytes) -> NoReturn:
    if data.startswith(GZIP):
        raise BadHistory("line 1: it is compressed; unpack it: `zcat FILE | tricord check run - ...`")
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            raise BadHistory(f"line {number}: it is blank; take it out, so that lines and operations have one number")
        try:
            _decoder.decode(line)
        except msgspec.ValidationError as error:
            raise BadHistory(f"line {number}: {_plainly(error)}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadHistory(f"line {number}: it is no JSON object: {error}; write one object a line") from None
        except RecursionError:
            raise BadHistory(f"line {number}: it is nested too deeply") from None
    raise AssertionError("a line that was refused among others is refused alone")


FIELDS = {
    "client": "a number or text",
    "op": "text: put, get and so on",
    "key": "text, or null where there is none",
    "call_ns": "a whole number of nanoseconds, 0 or more, below 2^63",
    "return_ns": "a whole number of nanoseconds, 0 or more, below 2^63, or null where it never returned",
    "status": 'one of "ok", "fail" and "unknown"',
    "revision": "a whole number, 0 or more, below 2^63, or null where the store gives none",
}


def _plainly(error: msgspec.ValidationError) -> str:
    text = str(error)
    for name, meaning in FIELDS.items():
        if f"`$.{name}`" in text:
            return f"{name} must be {meaning}"
        if f"missing required field `{name}`" in text:
            return f"{name} is missing: {meaning}"
    return f"it is no operation: {text}"
