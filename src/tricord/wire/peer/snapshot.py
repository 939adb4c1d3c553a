# SPDX-License-Identifier: Apache-2.0
"""A snapshot on its way: what is offered, and the numbers that travel with its bytes.

```
sender                         receiver
OFFER                     -->
                          <--  READY from            (bytes below it are there since an earlier connection)
CHUNK at, CHUNK at, ...   -->
                          <--  TAKEN up to, ...      (written)
FINISH                    -->
                          <--  FINISHED              (the whole was verified), or REFUSED at any time
```
"""

from __future__ import annotations

from struct import Struct

from tricord.base.message import message
from tricord.wire.peer.refusals import ProtocolFault

_OFFER = Struct(">QQQQQ")
_OFFSET = Struct(">Q")
OFFSET_SIZE = _OFFSET.size


@message
class SnapshotOffer:
    """One snapshot file. Equal offers are of the same bytes: one transfer goes on where another ended."""

    id: int
    """Tells files of the same place in the log apart."""
    index: int
    """The last entry it holds."""
    term: int
    """That entry's."""
    size: int
    """Bytes of the file."""
    checksum: int
    """64 bits, over the whole file; how is the business of those who write and verify it."""
    configuration: bytes
    """In force at ``index``, as ``base.membership`` encodes it."""


def encode_offer(offer: SnapshotOffer) -> bytes:
    """The payload of an OFFER frame."""
    return _OFFER.pack(offer.id, offer.index, offer.term, offer.size, offer.checksum) + offer.configuration


def decode_offer(payload: bytes) -> SnapshotOffer:
    """Raises ProtocolFault."""
    if len(payload) < _OFFER.size:
        raise ProtocolFault("an offer is cut short")
    identity, index, term, size, checksum = _OFFER.unpack_from(payload)
    return SnapshotOffer(identity, index, term, size, checksum, payload[_OFFER.size :])


def encode_offset(offset: int) -> bytes:
    """The payload of READY and TAKEN, and what a CHUNK's begins with."""
    return _OFFSET.pack(offset)


def decode_offset(payload: bytes) -> int:
    """Raises ProtocolFault."""
    if len(payload) < OFFSET_SIZE:
        raise ProtocolFault("an offset is cut short")
    offset: int = _OFFSET.unpack_from(payload)[0]
    return offset
