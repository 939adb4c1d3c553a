# SPDX-License-Identifier: Apache-2.0
"""A bit flips in the snapshot that a leader keeps for others: it is refused by file and offset, and made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.planned_changes import succeeds
from tests.peers.clusters import Cluster, ClusterMember, Standing, eventually
from tests.peers.load import Load, assert_nothing_lost

KEPT_ENTRIES = 10_000
"""So many the log keeps for those who lag: whoever needs more gets a snapshot."""
LOAD_SECONDS = 120


def write_more_than_the_log_keeps(cluster: Cluster, record: Path) -> None:
    """Small values, many at a time."""
    count = 0

    def enough() -> bool:
        nonlocal count
        count += load.mark().acknowledged
        return count > KEPT_ENTRIES + 1_000

    with Load(cluster.endpoints, "--writers=200", "--timeout=30s", record=record) as load:
        eventually(enough, "the log to be cut", LOAD_SECONDS)
        load.finish()


def joins(cluster: Cluster, name: str) -> tuple[ClusterMember, Standing]:
    """A learner, once it has applied everything."""
    members = cluster.endpoints
    new = cluster.prepare_to_join(name)
    succeeds(members, "member", "add", name, "--learner", f"--peer-urls={new.peer_url}")
    new.start(wait=False)
    level = max(standing.applied for standing in cluster.standings().values())

    def caught_up() -> Standing | None:
        standing = new.standing()
        return standing if standing is not None and standing.applied >= level else None

    return new, eventually(caught_up, f"{name} to catch up")


def leaves(cluster: Cluster, name: str, member: int) -> None:
    """It is removed, and ends by itself."""
    gone = cluster.members[name]
    succeeds(cluster.endpoints_without(name), "member", "remove", f"{member:x}")
    eventually(lambda: not gone.is_running(), f"{name} to end")
    gone.close()
    cluster.drop(name)


@pytest.mark.slow
@pytest.mark.peer("etcdctl")
@pytest.mark.peer("go-load")
def test_a_snapshot_with_a_flipped_bit_is_refused_and_made_anew(tmp_path: Path) -> None:
    with Cluster("tricord", tmp_path / "cluster") as cluster:
        write_more_than_the_log_keeps(cluster, tmp_path / "acknowledged")
        leader = cluster.members[cluster.leader()]
        _, standing = joins(cluster, "n4")
        leaves(cluster, "n4", standing.member)
        (kept,) = (leader.directory / "snapshots").glob("*.snap")
        data = bytearray(kept.read_bytes())
        data[len(data) // 2] ^= 4
        kept.write_bytes(data)
        joins(cluster, "n5")
        assert f"{kept}: damaged at offset" in leader.log_text()
        cluster.wait_until_level()
        assert_nothing_lost(tmp_path / "acknowledged", cluster.endpoints)
