# SPDX-License-Identifier: Apache-2.0
"""Length-prefixed messages out of what DATA frames bring: 1 byte compressed?, 4 bytes length, the message."""

from __future__ import annotations

import zlib
from struct import Struct

from tricord.wire.grpc.status import GrpcError, Status

PREFIX = Struct(">BI")
PREFIX_SIZE = 5
ENCODINGS = frozenset((b"", b"identity", b"gzip"))


class MessageReader:
    """Reassembles the messages of one direction of one call. Holds at most one partial message."""

    __slots__ = ("_buffer", "_encoding", "_need", "max_size")

    def __init__(self, max_size: int, encoding: bytes) -> None:
        self.max_size = max_size
        self._encoding = encoding
        self._buffer = bytearray()
        self._need = PREFIX_SIZE

    def feed(self, data: bytes) -> list[tuple[bytes, int]]:
        """Each whole message with its size on the wire, its prefix included. Raises GrpcError."""
        buffer = self._buffer
        buffer += data
        out: list[tuple[bytes, int]] = []
        position = 0
        while len(buffer) - position >= PREFIX_SIZE:
            compressed, size = PREFIX.unpack_from(buffer, position)
            if size > self.max_size:
                raise message_too_large(size, self.max_size)
            stop = position + PREFIX_SIZE + size
            if stop > len(buffer):
                break
            message = bytes(memoryview(buffer)[position + PREFIX_SIZE : stop])
            out.append((self._plain(compressed, message), PREFIX_SIZE + size))
            position = stop
        if position:
            del buffer[:position]
        return out

    def missing(self) -> int:
        """Bytes until the message under way is whole; 0 if none is, or its length is not known yet."""
        if len(self._buffer) < PREFIX_SIZE:
            return 0
        size: int = PREFIX.unpack_from(self._buffer)[1]
        return PREFIX_SIZE + size - len(self._buffer)

    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    def _plain(self, compressed: int, message: bytes) -> bytes:
        if compressed == 0:
            return message
        if compressed != 1:
            raise GrpcError(Status.INTERNAL, f"grpc: received unexpected payload format {compressed}")
        if self._encoding != b"gzip":
            raise GrpcError(Status.INTERNAL, "grpc: compressed flag set with identity or empty encoding")
        return inflate(message, self.max_size)


def inflate(message: bytes, max_size: int) -> bytes:
    """gunzip, never to more than ``max_size`` bytes. Raises GrpcError."""
    inflater = zlib.decompressobj(31)
    try:
        plain = inflater.decompress(message, max_size + 1)
    except zlib.error as error:
        raise GrpcError(Status.INTERNAL, f"grpc: failed to decompress the message: {error}") from None
    if len(plain) > max_size:
        raise GrpcError(Status.RESOURCE_EXHAUSTED, f"grpc: message after decompression larger than max {max_size}")
    if not inflater.eof:
        raise GrpcError(Status.INTERNAL, "grpc: failed to decompress the message: unexpected EOF")
    return plain


def message_too_large(size: int, max_size: int) -> GrpcError:
    """The words that grpc-go uses, which clients look for."""
    return GrpcError(Status.RESOURCE_EXHAUSTED, f"grpc: received message larger than max ({size} vs. {max_size})")


def frame_messages(messages: list[bytes]) -> bytes:
    """Messages with their prefixes, not compressed."""
    if len(messages) == 1:
        return frame_message(messages[0])
    pack = PREFIX.pack
    return b"".join([part for message in messages for part in (pack(0, len(message)), message)])


def frame_message(message: bytes) -> bytes:
    """A message with its prefix, not compressed."""
    return PREFIX.pack(0, len(message)) + message
