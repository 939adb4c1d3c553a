# SPDX-License-Identifier: Apache-2.0
"""Maintenance.Snapshot: the state as an etcd database file, in pieces, and its SHA-256 behind it.

It is this member's own state, as of the call: it needs no quorum, and a learner gives it too.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any

from google.protobuf.message import DecodeError

from tricord.api.etcd.errors import stream_error
from tricord.api.etcd.unary import only_request
from tricord.api.malformed import malformed_in_stream
from tricord.base.errors import StorageError, TricordError
from tricord.base.export import Export
from tricord.base.version import ETCD_STORAGE_VERSION
from tricord.server.engine import Engine
from tricord.wire.etcd.bolt_state import etcd_database
from tricord.wire.grpc.service import StreamCall
from tricord.wire.schemas import maintenance

PIECE_BYTES = 32 << 10
"""In one message, as etcd sends it."""
READ_BYTES = 1 << 20


def snapshot(engine: Engine) -> Callable[[StreamCall], Coroutine[Any, Any, None]]:
    """The method's handler."""

    async def handle(call: StreamCall) -> None:
        data = await only_request(call)
        try:
            maintenance.SnapshotRequest.FromString(data)
        except DecodeError as error:
            raise malformed_in_stream(error) from None
        try:
            export = await engine.open_snapshot(etcd_database)
            try:
                await _send(call, export)
            finally:
                export.close()
        except TricordError as error:
            raise stream_error(call, error) from None

    return handle


async def _send(call: StreamCall, export: Export) -> None:
    digest = sha256()
    for start in range(0, export.size, READ_BYTES):
        size = min(READ_BYTES, export.size - start)
        try:
            data = await export.read(start, size)
        except OSError as error:
            raise StorageError(f"a copy of the data could not be read: {error}") from error
        if len(data) != size:
            raise StorageError("a copy of the data was cut short")
        for at in range(0, size, PIECE_BYTES):
            piece = data[at : at + PIECE_BYTES]
            digest.update(piece)
            await _send_piece(call, piece, export.size - start - at - len(piece))
    await _send_piece(call, digest.digest(), 0)


async def _send_piece(call: StreamCall, piece: bytes, remaining: int) -> None:
    answer = maintenance.SnapshotResponse(remaining_bytes=remaining, blob=piece, version=ETCD_STORAGE_VERSION)
    await call.send(answer.SerializeToString())
