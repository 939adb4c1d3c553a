# SPDX-License-Identifier: Apache-2.0
"""Changes of the configuration and transfers of the lead that were begun, until their end is known.

A change ends when its entry is applied, or, where that is joint, the one that leaves it. One that adds a voter is
decided when a majority of the voters so far holds it: whoever leads next has it (section 5.4.1). To be committed it may
need the new voter itself, whose process is started only after somebody was told that it may.
"""

from __future__ import annotations

from tricord.base.errors import MembershipRefused, NoLeader, OutcomeUnknown, TricordError
from tricord.base.log import Entry, EntryKind
from tricord.base.membership import Configuration, decode_configuration
from tricord.base.message import message
from tricord.raft.output import ChangeOutcome, Refusal
from tricord.raft.quorum import majority_index
from tricord.raft.state import State

_CONFIGURATION = int(EntryKind.CONFIGURATION)
Dropped = list[tuple[int, TricordError]]


@message
class _Begun:
    """A change at its place in the log; ``leaving``: the joint configuration is committed."""

    ticket: int
    index: int
    term: int
    adds_voter: bool = False
    leaving: bool = False


def refused(refusal: Refusal) -> TricordError:
    """The error for one who asked. Nothing was done."""
    if refusal is Refusal.NOT_LEADER or refusal is Refusal.NOT_READY:
        return NoLeader(refusal.value)
    return MembershipRefused(refusal.value, reason=refusal.name.lower())


class PendingChanges:
    """At most a few at a time: the core refuses a second change while one is under way."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun: list[_Begun] = []

    def asked(
        self, ticket: int, term: int, outcome: ChangeOutcome, dropped: Dropped, *, adds_voter: bool = False
    ) -> None:
        """The core took the change, or refused it."""
        if outcome.refusal is not None:
            dropped.append((ticket, refused(outcome.refusal)))
        else:
            self.begun.append(_Begun(ticket, outcome.index, term, adds_voter))

    def decided(self, state: State) -> list[tuple[int, Configuration]]:
        """On a leader: the changes that add a voter and that a majority of the voters so far holds."""
        ended: list[tuple[int, Configuration]] = []
        for begun in list(self.begun):
            configuration = state.configuration
            if begun.adds_voter and configuration.outgoing and begun.term == state.persistent.current_term:
                held = majority_index(state.progress[voter].match_index for voter in configuration.outgoing)
                if held >= begun.index:
                    self.begun.remove(begun)
                    ended.append((begun.ticket, configuration))
        return ended

    def applied(self, entries: list[Entry], dropped: Dropped) -> list[tuple[int, Configuration]]:
        """The changes that ended with these entries, each with what it led to."""
        ended: list[tuple[int, Configuration]] = []
        last = entries[-1]
        for entry in entries:
            if entry.kind == _CONFIGURATION:
                configuration = decode_configuration(entry.data)
                for place, begun in enumerate(self.begun):
                    ours = begun.leaving or (begun.index == entry.index and begun.term == entry.term)
                    if ours and not configuration.is_joint:
                        ended.append((begun.ticket, configuration))
                    elif ours:
                        self.begun[place] = _Begun(begun.ticket, begun.index, begun.term, begun.adds_voter, True)
        gone = {ticket for ticket, _ in ended}
        for begun in self.begun:
            if not begun.leaving and begun.ticket not in gone and (last.term > begun.term or last.index >= begun.index):
                # Another entry is there, or one of a higher term before it: it can never be committed.
                dropped.append((begun.ticket, NoLeader("the lead was lost before the change was committed")))
                gone.add(begun.ticket)
        self.begun = [begun for begun in self.begun if begun.ticket not in gone]
        return ended

    def take_all(self) -> Dropped:
        """All that wait; nobody can say what comes of them."""
        tickets = [begun.ticket for begun in self.begun]
        self.begun = []
        return [(ticket, OutcomeUnknown()) for ticket in tickets]


class PendingTransfer:
    """The tickets that wait for the end of a transfer."""

    __slots__ = ("tickets",)

    def __init__(self) -> None:
        self.tickets: list[int] = []

    def asked(self, ticket: int, refusal: Refusal | None, dropped: Dropped) -> None:
        """The core began the transfer, or refused it."""
        if refusal is None:
            self.tickets.append(ticket)
        else:
            dropped.append((ticket, refused(refusal)))

    def ended(self, leader: int, own: int, dropped: Dropped) -> list[tuple[int, int]]:
        """No transfer is under way any more, and ``leader`` leads: who is told that it worked."""
        tickets, self.tickets = self.tickets, []
        if leader != own:
            return [(ticket, leader) for ticket in tickets]
        reason = "the other member did not take over within an election timeout"
        dropped.extend((ticket, MembershipRefused(reason, reason="transfer_failed")) for ticket in tickets)
        return []

    def take_all(self) -> Dropped:
        """All that wait."""
        tickets, self.tickets = self.tickets, []
        return [(ticket, OutcomeUnknown()) for ticket in tickets]
