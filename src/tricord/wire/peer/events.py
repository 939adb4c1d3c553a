# SPDX-License-Identifier: Apache-2.0
"""What a session tells its owner, in the order in which it happened."""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.message import message
from tricord.wire.peer.hello import Challenge, Hello
from tricord.wire.peer.refusals import Refusal


@message
class Opened:
    """Both sides know who they are. ``secret`` tells whether they proved to know the cluster's."""

    hello: Hello
    challenge: Challenge
    secret: bool


@message
class Refused:
    """The session is over. What it has to say yet is in its output; then close."""

    refusal: Refusal
    by_peer: bool
    """Whether the other side refused, or this one did."""


@message
class FrameReceived:
    """A frame that belongs on this lane."""

    kind: int
    payload: bytes


@message
class PongReceived:
    """The other side lives."""

    number: int


PeerEvent: TypeAlias = Opened | Refused | FrameReceived | PongReceived
