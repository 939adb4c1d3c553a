# SPDX-License-Identifier: Apache-2.0
"""A member goes on alone when a majority of its cluster is lost for good (etcd's ``--force-new-cluster``).

A configuration takes effect when it is appended, so the way out is one entry: this member as the only voter. All that
its log holds stays, committed or not: some of it may have been acknowledged. The others are refused from then on, since
they are no members any more; they come back with empty directories, after `member add`.
"""

from __future__ import annotations

from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, decode_configuration, encode_configuration
from tricord.storage.member_storage import MemberStorage


def go_on_alone(storage: MemberStorage) -> None:
    """Append the entry, durably, unless this member is alone already. Blocks on the disk.

    Raises DiskFull (nothing was written), DiskFault.
    """
    own = storage.identity.member
    known = _in_force(storage)
    if known is None or known.members() == (own,):
        return
    info = {own: known.info[own]} if own in known.info else {}
    alone = encode_configuration(Configuration((own,), info=info))
    log, hard_state = storage.log, storage.hard_state
    # A term that nobody led, with a vote for this member: what follows is as if it had won that election.
    term = max(hard_state.term, log.last_term) + 1
    entry = Entry(log.last_index + 1, term, EntryKind.CONFIGURATION, alone)
    storage.hard_state = HardState(term, own, hard_state.commit)
    log.append(storage.hard_state, [entry])
    storage.entries.append(entry)


def _in_force(storage: MemberStorage) -> Configuration | None:
    """The newest one, wherever it stands; None: this member never heard of any."""
    for entry in reversed(storage.entries):
        if entry.kind == EntryKind.CONFIGURATION:
            return decode_configuration(entry.data)
    return decode_configuration(storage.configuration) if storage.configuration else None
