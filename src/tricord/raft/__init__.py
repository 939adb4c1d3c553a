# SPDX-License-Identifier: Apache-2.0
"""Raft, as in Ongaro's dissertation (2014), without any IO: events in, what to do out.

``Raft.step(events) -> Output`` is all there is. The host's duties, in this order, for every output:

1. Persist ``hard_state``, then ``entries``, in the order they were put out. When they are durable, say so by
   ``HardStatePersisted`` and ``EntriesPersisted`` events in a later step; nothing waits meanwhile.
2. Send ``messages`` at once; whatever they depend on is durable already. They may be lost, doubled or reordered.
3. Apply ``committed`` before the next step.
4. Serve each of ``answers.reads`` when its index is applied; give what else ``answers`` holds to who asked.

A server that was restarted is a new ``Raft``, given what was durable. A sole voter needs no peer and leads once its
first hard state is durable. ``docs/raft.md`` walks through the files beside the dissertation.
"""

from tricord.raft.config import RaftConfig
from tricord.raft.output import Output
from tricord.raft.state import Role
from tricord.raft.step import Raft

__all__ = ["Output", "Raft", "RaftConfig", "Role"]
