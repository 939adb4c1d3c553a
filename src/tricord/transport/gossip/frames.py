# SPDX-License-Identifier: Apache-2.0
"""Envelopes in a stream: the length (4 bytes, big-endian), then the envelope."""

from __future__ import annotations

from struct import Struct

_LENGTH = Struct(">I")


class FrameTooLarge(ValueError):
    """Longer than anything that is said here."""


def frame(envelope: bytes) -> bytes:
    """One frame."""
    return _LENGTH.pack(len(envelope)) + envelope


class FrameReader:
    """Cuts a stream into envelopes. It holds at most one of ``size_max``, and what came with its end."""

    __slots__ = ("_input",)

    def __init__(self) -> None:
        self._input = bytearray()

    def receive(self, data: bytes, size_max: int) -> list[bytes]:
        """The envelopes that are whole now. Raises FrameTooLarge."""
        self._input += data
        found: list[bytes] = []
        while len(self._input) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._input)
            if length > size_max:
                raise FrameTooLarge(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._input) < end:
                break
            found.append(bytes(self._input[_LENGTH.size : end]))
            del self._input[:end]
        return found
