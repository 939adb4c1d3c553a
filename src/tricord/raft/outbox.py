# SPDX-License-Identifier: Apache-2.0
"""Messages leave when what they depend on is durable (figure 2: stable storage is updated before answering RPCs).

What is said in a term, or with a vote, that the disk has not confirmed yet waits here; what waits from a term that is
over is dropped, as if the network had lost it.
"""

from __future__ import annotations

from tricord.raft.messages import Message
from tricord.raft.state import State


def send(state: State, message: Message) -> None:
    """Put out the message now, or once the hard state is durable."""
    if state.persistent.is_durable:
        state.output.messages.append(message)
    else:
        state.held_messages.append(message)


def release(state: State) -> None:
    """The hard state is durable: let go what waited for it. Of a later term are pre-votes alone."""
    if state.held_messages and state.persistent.is_durable:
        term = state.persistent.current_term
        state.output.messages.extend(held for held in state.held_messages if held.term >= term)
        state.held_messages.clear()
