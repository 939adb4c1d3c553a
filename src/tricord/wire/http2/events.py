# SPDX-License-Identifier: Apache-2.0
"""What a connection tells its owner, in the order in which it happened."""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.message import message
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.header_validation import HeaderBlock
from tricord.wire.http2.streams import Stream


@message
class HeadersReceived:
    """A request began (server) or a response did (client). With ``end_stream`` nothing follows."""

    stream: Stream
    block: HeaderBlock
    end_stream: bool


@message
class DataReceived:
    """A piece of the body. The owner gives window back with ``Connection.consume`` once it holds the bytes no more."""

    stream: Stream
    data: bytes
    end_stream: bool


@message
class TrailersReceived:
    """The fields after the body. They end the peer's side of the stream."""

    stream: Stream
    block: HeaderBlock


@message
class StreamReset:
    """The stream is gone before its end. ``by_peer`` is False when it broke the rules and we reset it.

    In the client role REFUSED_STREAM means that the server did nothing for it: a retry is safe.
    """

    stream: Stream
    code: int
    by_peer: bool


@message
class GoAwayReceived:
    """The peer takes no new streams. Client role: a StreamReset for each stream it did not take comes along."""

    last_stream_id: int
    code: int
    text: str


@message
class SettingsReceived:
    """The peer's settings changed; ``Connection.peer`` has them."""


@message
class PingAcknowledged:
    """The answer to ``Connection.ping``."""

    payload: bytes


@message
class Terminated:
    """The peer broke the rules: GOAWAY is in the output, nothing more is read. Send what is left and close."""

    code: ErrorCode
    text: str


Event: TypeAlias = (
    HeadersReceived
    | DataReceived
    | TrailersReceived
    | StreamReset
    | GoAwayReceived
    | SettingsReceived
    | PingAcknowledged
    | Terminated
)
