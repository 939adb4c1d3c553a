# SPDX-License-Identifier: Apache-2.0
"""Who can be reached: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2018).

``Gossip.turn(Input) -> Output`` is all there is: packets, streams and time go in, packets, streams, events and the
time of the next turn come out. Nothing here does IO or reads a clock. ``server/gossip_driver.py`` carries it out.

Who belongs is not decided here: the host lists the members (``Input.listed``), and whoever is not listed is not heard.
``docs/gossip.md`` says what it promises and what it costs.
"""

from tricord.gossip.claims import Standing
from tricord.gossip.config import GossipConfig
from tricord.gossip.core import Gossip
from tricord.gossip.turn import Answer, Delivery, EventKind, Exchange, Input, MemberEvent, MemberView, Output, Request

__all__ = [
    "Answer",
    "Delivery",
    "EventKind",
    "Exchange",
    "Gossip",
    "GossipConfig",
    "Input",
    "MemberEvent",
    "MemberView",
    "Output",
    "Request",
    "Standing",
]
