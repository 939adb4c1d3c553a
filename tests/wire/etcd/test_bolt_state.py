# SPDX-License-Identifier: Apache-2.0
"""The state as buckets of an etcd member, with the bytes that a real one was seen to write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.wire.etcd.bolt_reader import BoltReader, Buckets, assembled
from tricord.base.alarms import AlarmKind
from tricord.base.export import KeptChange, KeptLease
from tricord.base.members import MemberRecord
from tricord.base.operations import KeyValue
from tricord.wire.etcd.bolt_state import etcd_database
from tricord.wire.schemas import maintenance, mvcc


@dataclass
class State:
    """A ``StateExport`` by lists."""

    index: int = 13
    term: int = 2
    compacted: int = -1
    members: list[MemberRecord] = field(default_factory=list)
    alarms: list[tuple[int, AlarmKind]] = field(default_factory=list)
    kept_leases: list[KeptLease] = field(default_factory=list)
    kept_changes: list[KeptChange] = field(default_factory=list)

    def leases(self) -> Iterator[KeptLease]:
        return iter(self.kept_leases)

    def changes(self) -> Iterator[KeptChange]:
        return iter(self.kept_changes)


def buckets(state: State) -> Buckets:
    return BoltReader(assembled(etcd_database(state))).buckets()


def test_an_empty_store_has_every_bucket() -> None:
    found = buckets(State())
    assert found == {
        b"alarm": {},
        b"auth": {b"authRevision": b"\0\0\0\0\0\0\0\1"},
        b"authRoles": {},
        b"authUsers": {},
        b"cluster": {b"clusterVersion": b"3.6.0"},
        b"key": {},
        b"lease": {},
        b"members": {},
        b"members_removed": {},
        b"meta": {
            b"confState": b'{"voters":[],"auto_leave":false}',
            b"consistent_index": bytes(7) + b"\x0d",
            b"storageVersion": b"3.6.0",
            b"term": bytes(7) + b"\x02",
        },
    }


def test_changes_are_keyed_by_revision_and_deletions_have_the_key_alone() -> None:
    changes = [
        KeptChange(6, 0, False, KeyValue(b"a", b"3", 6, 6, 1)),
        KeptChange(7, 0, True, KeyValue(b"b", b"", 0, 7, 0)),
        KeptChange(7, 1, False, KeyValue(b"c" * 200, b"", 2, 7, 300, lease=-5)),
    ]
    found = buckets(State(compacted=6, kept_changes=changes))
    first, second, third = (
        bytes.fromhex(f"000000000000000{r}5f000000000000000{s}") for r, s in ((6, 0), (7, 0), (7, 1))
    )
    assert found[b"key"] == {
        first: bytes.fromhex("0a01611006180620012a0133"),
        second + b"t": bytes.fromhex("0a0162"),
        third: mvcc.KeyValue(
            key=b"c" * 200, create_revision=2, mod_revision=7, version=300, lease=-5
        ).SerializeToString(),
    }
    assert found[b"meta"][b"finishedCompactRev"] == found[b"meta"][b"scheduledCompactRev"] == first


def test_leases_members_and_alarms() -> None:
    state = State(
        kept_leases=[KeptLease(0x3904A21967A88C03, 600, 0), KeptLease(5, 60, 7), KeptLease(-1, 60, 0)],
        members=[
            MemberRecord(0xFB61782B955E3904, "default", ["http://127.0.0.1:34327"], ["http://127.0.0.1:34326"]),
            MemberRecord(0x21, "", ["http://127.0.0.1:1"], [], is_learner=True),
        ],
        alarms=[(2, AlarmKind.NOSPACE), (1, AlarmKind.CORRUPT)],
    )
    found = buckets(state)
    assert found[b"lease"] == {
        bytes(7) + b"\x05": b"\x08\x05\x10\x3c\x18\x07",
        bytes.fromhex("3904a21967a88c03"): bytes.fromhex("088398a2bd96c3a8823910d804"),
        b"\xff" * 8: b"\x08" + b"\xff" * 9 + b"\x01\x10\x3c",
    }
    assert found[b"members"][b"fb61782b955e3904"] == (
        b'{"id":18113891304845752580,"peerURLs":["http://127.0.0.1:34327"],"name":"default",'
        b'"clientURLs":["http://127.0.0.1:34326"]}'
    )
    assert json.loads(found[b"members"][b"21"]) == {"id": 33, "peerURLs": ["http://127.0.0.1:1"], "isLearner": True}
    assert json.loads(found[b"meta"][b"confState"]) == {
        "voters": [0xFB61782B955E3904],
        "learners": [0x21],
        "auto_leave": False,
    }
    assert [maintenance.AlarmMember.FromString(alarm).memberID for alarm in found[b"alarm"]] == [1, 2]
