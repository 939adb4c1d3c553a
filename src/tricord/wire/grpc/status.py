# SPDX-License-Identifier: Apache-2.0
"""gRPC's status codes, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The numbers of grpc-status."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class GrpcError(Exception):
    """A call that failed. Server: raised by handlers. Client: what the server said, or what happened to the call.

    ``status`` is an int where the peer sent a code that gRPC does not know. ``sent`` is False where it is certain that
    the server did not begin to work on the call: a retry is safe. ``code`` is tricord's own, where it was said.
    """

    def __init__(self, status: Status | int, text: str, *, sent: bool = True, code: str = "") -> None:
        super().__init__(f"{status.name if isinstance(status, Status) else status}: {text}")
        self.status = status
        self.text = text
        self.sent = sent
        self.code = code
