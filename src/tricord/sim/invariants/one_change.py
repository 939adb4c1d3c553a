# SPDX-License-Identifier: Apache-2.0
"""Changes of the members come one after the other (dissertation 4.1): a leader begins none before it has committed in
its term, and none while the one before is not committed. Else two majorities need not meet. And a member goes by the
newest configuration in its log, committed or not, or in its snapshot: by no other (4.1).
"""

from __future__ import annotations

from tricord.base.log import Entry, EntryKind
from tricord.raft.state import State
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.seen import Seen

CHECKER = "election safety"
_CONFIGURATION = int(EntryKind.CONFIGURATION)


def check_changes(member: int, state: State, seen: Seen, entries: list[Entry]) -> None:
    """A leader put these out, and ``seen`` has them. Raises Broken. Cost: a look at each entry's kind."""
    for entry in entries:
        if entry.kind != _CONFIGURATION or entry.term != state.persistent.current_term:
            continue
        if not state.has_committed_in_its_term:
            raise Broken(CHECKER, f"leader {member} changes the members in entry {entry.index} before it committed any")
        before = max((index for index, _ in seen.configurations if index < entry.index), default=0)
        if before > state.commit_index:
            raise Broken(CHECKER, f"leader {member} changes the members twice at once: {before} and {entry.index}")


def check_configuration(member: int, state: State, seen: Seen) -> None:
    """A member's log changed, and ``seen`` has that. Raises Broken. Cost: nothing while it has the same one."""
    newest = seen.configurations[-1]
    if newest is seen.compared and state.configurations.current_index == newest[0]:
        return
    if state.configurations.current_index != newest[0] or state.configuration != newest[1]:
        own = f"{state.configuration} of entry {state.configurations.current_index}"
        raise Broken(CHECKER, f"{member} goes by {own}, and its log has {newest[1]} in entry {newest[0]}")
    seen.compared = newest
