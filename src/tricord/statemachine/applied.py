# SPDX-License-Identifier: Apache-2.0
"""What applying gives back."""

from __future__ import annotations

from tricord.base.errors import TricordError
from tricord.base.message import message
from tricord.base.operations import Event, Result


@message
class Applied:
    """What became of one entry: its result or refusal (None where nobody asked: a NOOP or a configuration).

    ``revision`` is the keyspace's after the entry; ``events`` are the changes it made, in order.
    """

    index: int
    outcome: Result | TricordError | None
    revision: int
    events: list[Event]
