# SPDX-License-Identifier: Apache-2.0
"""Envelopes in a stream: who opened it says so by 16 bytes; then come frames, of a length (4 bytes, big-endian) and an
envelope. What is answered has no preface."""

from __future__ import annotations

from struct import Struct

PREFACE = b"\xf5TRICORD-NEWS\r\n\x00"
"""No other protocol of a member begins so."""
_LENGTH = Struct(">I")


class NoFrames(ValueError):
    """This is no stream of gossip, or a frame is longer than anything that is said there."""


def frame(envelope: bytes) -> bytes:
    """One frame."""
    return _LENGTH.pack(len(envelope)) + envelope


class FrameReader:
    """Cuts a stream into envelopes. It holds at most one of the largest size, and what came with its end."""

    __slots__ = ("_input", "_preface")

    def __init__(self, preface: bytes = b"") -> None:
        """The stream begins with ``preface``."""
        self._input = bytearray()
        self._preface = preface

    def receive(self, data: bytes, size_max: int) -> list[bytes]:
        """The envelopes that are whole now. Raises NoFrames."""
        self._input += data
        if self._preface and not self._skip_preface():
            return []
        found: list[bytes] = []
        while len(self._input) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._input)
            if length > size_max:
                raise NoFrames(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._input) < end:
                break
            found.append(bytes(self._input[_LENGTH.size : end]))
            del self._input[:end]
        return found

    def _skip_preface(self) -> bool:
        seen = bytes(self._input[: len(self._preface)])
        if not self._preface.startswith(seen):
            raise NoFrames("it begins as something else")
        if len(seen) < len(self._preface):
            return False
        del self._input[: len(self._preface)]
        self._preface = b""
        return True
