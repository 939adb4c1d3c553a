# SPDX-License-Identifier: Apache-2.0
"""Records what clients do, in the lines that ``tricord check run`` reads.

    with open("history.jsonl", "wb", buffering=0) as file:
        recorder = Recorder(file.write, time.monotonic_ns)
        with recorder.call("worker 1", "put", "k", "v7") as call:
            reply = store.put("k", "v7")
            call.ok(revision=reply.revision)

An error that leaves the block is written down, and goes on: tricord's errors say themselves whether the operation may
have happened (OutcomeUnknown alone), of others it is not known, unless they are named in ``certain``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.check.history import FAIL, OK, UNKNOWN, Operation
from tricord.check.reading import line_of


class Recorder:
    """Writes a line for each operation that ended, at once. ``write`` takes whole lines; ``now`` gives nanoseconds of
    one clock that never goes back. Operations of several threads may be recorded where ``write`` is one system call."""

    def __init__(
        self,
        write: Callable[[bytes], object],
        now: Callable[[], int],
        *,
        certain: Sequence[type[BaseException]] = (),
    ) -> None:
        self._write = write
        self._certain = tuple(certain)
        self.now = now
        self.counts = {OK: 0, FAIL: 0, UNKNOWN: 0}
        """Lines by status."""

    def call(self, client: int | str, op: str, key: str | None, given: Any = None) -> Call:
        """An operation that begins now. One at a time of each client."""
        return Call(self, Operation(client, op, key, given, call_ns=self.now(), status=UNKNOWN))

    def add(self, one: Operation) -> None:
        """Write an operation that was put together elsewhere."""
        self.counts[one.status] += 1
        self._write(line_of(one))

    def status_of(self, error: BaseException) -> str:
        """``fail`` where the error says that nothing happened, else ``unknown``."""
        surely = isinstance(error, TricordError) and not isinstance(error, OutcomeUnknown)
        return FAIL if surely or isinstance(error, self._certain) else UNKNOWN


class Call:
    """One operation, as a ``with`` block: say ``ok``, ``fail`` or ``unknown`` in it, the last word counts. A block that
    says nothing was unknown."""

    def __init__(self, recorder: Recorder, operation: Operation) -> None:
        self._recorder = recorder
        self.operation = operation

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        one = self.operation
        if error is not None:
            self._end(self._recorder.status_of(error), None, 0)
        elif one.return_ns is None:
            one.return_ns = self._recorder.now()
        self._recorder.add(one)

    def ok(self, output: Any = None, *, revision: int = 0) -> None:
        """It was answered, just now."""
        self._end(OK, output, revision)

    def fail(self) -> None:
        """It had no effect, for certain."""
        self._end(FAIL, None, 0)

    def unknown(self) -> None:
        """It may have happened, or may still."""
        self._end(UNKNOWN, None, 0)

    def _end(self, status: str, output: Any, revision: int) -> None:
        one = self.operation
        one.status, one.output, one.revision = status, output, revision
        one.return_ns = self._recorder.now()
