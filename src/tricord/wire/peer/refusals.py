# SPDX-License-Identifier: Apache-2.0
"""Why a peer connection is not served: a code that programs compare and a text that people read."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from tricord.base.message import message

_CODE = Struct(">H")
TEXT_SIZE_MAX = 1024
"""Bytes of a refusal's text; more is cut off."""


class RefusalCode(IntEnum):
    """Numbers are part of the protocol; a newer peer may send others, which are kept as they are."""

    MALFORMED = 1
    """Bytes that are no peer protocol, or damaged ones."""
    PROTOCOL_VERSION = 2
    """The two versions have no protocol in common."""
    NOT_READY = 3
    """It does not know yet who it is; soon it will."""
    WRONG_CLUSTER = 4
    WRONG_HISTORY = 5
    """The same cluster, restored or forced anew on one of the sides."""
    WRONG_MEMBER = 6
    """Another member listens there."""
    UNKNOWN_MEMBER = 7
    """The acceptor's configuration does not know the dialler, not yet or not any more."""
    WRONG_INCARNATION = 8
    """The dialler's data directory is not the one the cluster knows under its id."""
    PROOF_NEEDED = 9
    """Neither the cluster's secret nor a certificate came with it."""
    PROOF_WRONG = 10
    """The cluster's secret is another one."""
    TOO_MANY = 11
    """The acceptor has as many connections as it takes."""
    BUSY = 12
    """It cannot take this now, a snapshot for instance; later perhaps."""
    FAILED = 13
    """It tried and failed; the text says how."""


@message
class Refusal:
    """``code`` is a RefusalCode, or the number that a newer peer sent."""

    code: int
    text: str


class ProtocolFault(ValueError):
    """A peer broke the rules. Sessions turn it into a refusal: it leaves no session."""

    def __init__(self, text: str, code: RefusalCode = RefusalCode.MALFORMED) -> None:
        super().__init__(text)
        self.refusal = Refusal(code, text)


def encode_refusal(refusal: Refusal) -> bytes:
    """The payload of a REFUSED frame."""
    return _CODE.pack(refusal.code) + refusal.text.encode(errors="replace")[:TEXT_SIZE_MAX]


def decode_refusal(payload: bytes) -> Refusal:
    """Raises ProtocolFault."""
    if len(payload) < _CODE.size:
        raise ProtocolFault("a refusal is cut short")
    (number,) = _CODE.unpack_from(payload)
    text = payload[_CODE.size : _CODE.size + TEXT_SIZE_MAX].decode(errors="replace")
    return Refusal(RefusalCode(number) if number in set(RefusalCode) else number, text)
