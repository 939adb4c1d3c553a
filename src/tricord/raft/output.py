# SPDX-License-Identifier: Apache-2.0
"""What a core asks of its host, as lists; nothing is a callback. The package tells the duties."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.raft.messages import InstallSnapshot, Message

FORWARDED = -1
"""In ``Output.proposed``: the leader was asked; ``Output.forwarded`` tells the outcome."""


class Refusal(Enum):
    """Why a change of the configuration or a transfer was refused. Nothing was done."""

    NOT_LEADER = "this member does not lead"
    NOT_READY = "the leader has not committed in its term yet"
    CHANGE_PENDING = "another change of the configuration is under way"
    TRANSFERRING = "the lead is being handed over"
    UNKNOWN_MEMBER = "no such member"
    KNOWN_MEMBER = "the member belongs already"
    NOT_A_LEARNER = "the member is no learner"
    NOT_A_VOTER = "the member has no vote"
    LEARNER_BEHIND = "the learner has not caught up with the leader yet"
    LAST_VOTER = "a cluster needs a voter"
    NOT_JOINT = "the configuration is not joint"
    NO_TARGET = "no other voter can take the lead now"
    NOTHING_TO_DO = "the change changes nothing"


@message
class ChangeOutcome:
    """The answer to a ChangeConfiguration or LeaveJoint: the index of its entry, or why not."""

    index: int
    refusal: Refusal | None = None


@dataclass(slots=True, init=False)
class Answers:
    """What those who asked the core are told."""

    proposed: list[int]
    """For each Propose of the step, in order: the index of its first command; 0 for refused: nobody leads; or
    FORWARDED."""
    forwarded: list[tuple[int, int, int]]
    """(which Propose, first index, term): where the leader put commands that were forwarded (index 0: they were refused
    and did nothing). The FORWARDED Proposes are numbered from 1 on, in order, for ever."""
    lost: list[int]
    """Numbers of FORWARDED Proposes that will get no answer: they may have been appended, or be yet."""
    reads: list[tuple[int, int]]
    """(context, index): serve the read once the index is applied."""
    reads_dropped: list[int]
    """Contexts that will get no index, since this member does not lead; ask again later, or elsewhere."""
    configuration_changes: list[ChangeOutcome]
    """For each ChangeConfiguration and LeaveJoint of the step, in order."""
    transfers: list[Refusal | None]
    """For each TransferLeadership of the step, in order: None for begun. It ended when ``State.transferee`` is 0."""

    def __init__(self) -> None:
        self.proposed = []
        self.forwarded = []
        self.lost = []
        self.reads = []
        self.reads_dropped = []
        self.configuration_changes = []
        self.transfers = []


@dataclass(slots=True, init=False)
class Output:
    """The result of one ``step``."""

    hard_state: HardState | None
    """To persist before the entries."""
    entries: list[Entry]
    """To persist, in this order; one at an index that the disk holds replaces it and everything behind."""
    messages: list[Message]
    """To send at once: what they depend on is durable already."""
    committed: list[Entry]
    """To apply, in order, before the next step. Never the same entry twice."""
    answered: Answers | None
    """None in most steps: nothing that was asked came to an end."""
    configuration: Configuration | None
    """The configuration in force, when it became another one: appended, reverted, or of a snapshot."""
    snapshots_wanted: list[int]
    """Members whose next entry is gone from the log: bring each a snapshot, then say SnapshotSent."""
    install: InstallSnapshot | None
    """To make durable in place of state and log, before any entries of this and later outputs; then say
    SnapshotInstalled. Nothing is handed out as committed until then."""

    def __init__(self) -> None:
        # Written out: one is made each step, and a list literal costs half of what a field's factory does.
        self.hard_state = None
        self.entries = []
        self.messages = []
        self.committed = []
        self.answered = None
        self.configuration = None
        self.snapshots_wanted = []
        self.install = None

    @property
    def answers(self) -> Answers:
        """What ``answered`` is; made when it is first asked for."""
        if self.answered is None:
            self.answered = Answers()
        return self.answered
