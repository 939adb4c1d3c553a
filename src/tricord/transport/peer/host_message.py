# SPDX-License-Identifier: Apache-2.0
"""What two hosts say to each other beside Raft: a call to be carried out by the leader, and its answer."""

from __future__ import annotations

from tricord.base.message import message


@message
class HostMessage:
    """``request`` is the caller's number for it; the answer has the same. The bytes are the hosts' business."""

    sender: int
    receiver: int
    term: int
    request: int
    is_answer: bool
    data: bytes
