# SPDX-License-Identifier: Apache-2.0
"""What etcdctl does until it is stopped, at tricord and at etcd: watch, lease keep-alive, lock, elect, make-mirror."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from tests.e2e.etcdctl.client import Etcdctl, gateway, level
from tests.e2e.etcdctl.masks import masked
from tests.peers.clusters import eventually
from tests.peers.processes import ServerProcess

VERSIONS = [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl")]
STAGE = ("put app/a one", "put app/b two", "put other x", "put app/a three --lease=7abc", "del app/b", "put app/end .")
# What each format prints last of the stage's last event.
ENDS = {"simple": "app/end\n.\n", "json": "Created", "fields": '"Value" : "."\n"Lease" : 0\n'}
Story = Callable[[Etcdctl, int], str]


def count(server: ServerProcess, prefix: str) -> int:
    """How many keys begin with ``prefix``."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    key, range_end = (base64.b64encode(text.encode()).decode() for text in (prefix, end))
    return int(gateway(server, "kv/range", key=key, range_end=range_end).get("count", 0))


def wait_for_count(server: ServerProcess, prefix: str, wanted: int) -> None:
    """Wait until there are so many keys below ``prefix``: so many hold or wait."""
    eventually(lambda: count(server, prefix) == wanted, f"{wanted} keys below {prefix}")


def stage(etcdctl: Etcdctl, *lines: str) -> None:
    """Type these lines; none may fail. There is a lease 7abc."""
    if "--lease=7abc" in "".join(lines):
        gateway(etcdctl.server, "lease/grant", ID="31420", TTL="600")
    for line in lines:
        etcdctl.run(line).finish_well()


def watch_prefix(etcdctl: Etcdctl, revision: int) -> str:
    """The past in each format, then what happens now."""
    stage(etcdctl, *STAGE)
    told = ""
    for form in ("json", "fields", "table", "simple"):
        watch = etcdctl.run("watch app/ --prefix --prev-kv --rev={revision+1}", revision, form)
        told += watch.finish() if form == "table" else watch.wait_for(ENDS[form])
        if form == "simple":
            stage(etcdctl, "put app/a four", "del app/a", "put app/last .")
            told += watch.wait_for("app/last\n.\n")
        if form != "table":
            told += watch.interrupt()
    return told


def watch_range(etcdctl: Etcdctl, revision: int) -> str:
    """Single keys, ranges, and a program for each event."""
    stage(etcdctl, *STAGE)
    told = ""
    for line, last in (
        ("watch app/end --rev={revision+1}", ENDS["simple"]),
        ("watch app/a app/b --rev={revision+3}", "three\n"),
        ("watch app/b app/f --rev={revision+1} -- sh -c 'env | grep ETCD_WATCH | sort'", 'ETCD_WATCH_VALUE="."\n'),
        ("watch app/b --rev={revision+1} --hex", "\\x62\n\n"),
    ):
        watch = etcdctl.run(line, revision)
        watch.wait_for(last)
        told += watch.interrupt()
    return told


def watch_typed(etcdctl: Etcdctl, revision: int) -> str:
    """Watches that are typed one after the other; progress that is asked for; a line that is none."""
    stage(etcdctl, *STAGE)
    watch = etcdctl.run("watch -i")
    watch.type(f"watch app/a --rev={revision + 1}\n")
    watch.wait_for("three\n")
    watch.type(f"watch app/b app/f --rev={revision + 6} -- echo seen\n")
    watch.wait_for("seen")
    watch.type("progress\n")
    watch.wait_for("progress notify: ", times=2)  # each watch tells it
    watch.type("listen\n")
    watch.wait_for("Invalid command listen")
    return watch.interrupt()


def watch_compacted(etcdctl: Etcdctl, revision: int) -> str:
    """A past that is gone."""
    stage(etcdctl, *STAGE, f"compaction {revision + 4}")
    return etcdctl.run("watch app/ --prefix --rev={revision+2}", revision).finish()


def keep_alive(etcdctl: Etcdctl, revision: int) -> str:
    """Until the lease is revoked; and of one that never was."""
    gateway(etcdctl.server, "lease/grant", ID="31420", TTL="3")
    alive = etcdctl.run("lease keep-alive 7abc")
    alive.wait_for("keepalived")
    stage(etcdctl, "lease revoke 7abc")
    kept = alive.finish()
    return kept.replace(kept.partition("\n")[0] + "\n", "") + etcdctl.run("lease keep-alive 7abd").finish()


def lock(etcdctl: Etcdctl, revision: int) -> str:
    """One holds, two wait; the first is interrupted, and so is the second; the third runs a program and ends."""
    first = etcdctl.run("lock room")
    first.wait_for("room/")
    second = etcdctl.run("lock room --ttl=20")
    wait_for_count(etcdctl.server, "room/", 2)
    third = etcdctl.run("lock room -- sh -c 'echo $ETCD_LOCK_KEY at $ETCD_LOCK_REV; exit 7'")
    wait_for_count(etcdctl.server, "room/", 3)
    assert not second.printed + third.printed
    told = first.interrupt()
    second.wait_for("room/")
    told += second.interrupt() + third.finish()
    return f"{told}{count(etcdctl.server, 'room/')} left\n"


def elect(etcdctl: Etcdctl, revision: int) -> str:
    """Two campaign, one listens; the first resigns by an interruption."""
    listener = etcdctl.run("elect -l chair")
    first = etcdctl.run("elect chair one")
    first.wait_for("one")
    listener.wait_for("one")
    second = etcdctl.run("elect chair two")
    wait_for_count(etcdctl.server, "chair/", 2)
    assert not second.printed
    told = first.interrupt()
    second.wait_for("two")
    listener.wait_for("two")
    told += listener.interrupt() + second.interrupt()
    return f"{told}{count(etcdctl.server, 'chair/')} left\n"


def make_mirror(etcdctl: Etcdctl, revision: int) -> str:
    """What is there and what comes is copied, in the same store under another prefix."""
    stage(etcdctl, *STAGE)
    options = f"--prefix=app/ --dest-prefix=copy/ --dest-insecure-transport {etcdctl.server.endpoint}"
    mirror = etcdctl.run(f"make-mirror {options}")
    wait_for_count(etcdctl.server, "copy/", 2)
    stage(etcdctl, "put app/later .", "del app/a")
    eventually(lambda: count(etcdctl.server, "copy/later"), "the copy of a new key")
    wait_for_count(etcdctl.server, "copy/", 2)
    mirror.interrupt()
    return etcdctl.run("get copy/ --prefix").finish()


STORIES: list[Story] = [
    watch_prefix, watch_range, watch_typed, watch_compacted, keep_alive, lock, elect, make_mirror
]  # fmt: skip


def told(story: Story, name: str, server: ServerProcess, revision: int) -> str:
    """The story of one server, masked."""
    with closing(Etcdctl(name, server)) as etcdctl:
        text = masked(story(etcdctl, revision))
    return re.sub(r"\b(room|chair)/[0-9a-f]+", r"\1/LEASE", text)


@pytest.mark.parametrize("name", VERSIONS)
def test_etcdctl_checks_the_scale(servers: tuple[ServerProcess, ServerProcess], name: str) -> None:
    """It writes 10,000 values of 1 KiB, and tells the memory that they took by the server's metrics."""
    level(*servers)
    with ExitStack() as stack:
        checks = [
            stack.enter_context(closing(Etcdctl(name, server))).run("check datascale --load=s") for server in servers
        ]
        for check in checks:
            assert re.search(r"(?:PASS|FAIL): Approximate system memory used : -?[\d.]+ MB", check.finish())


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("story", STORIES)
def test_etcdctl_prints_the_same(servers: tuple[ServerProcess, ServerProcess], name: str, story: Story) -> None:
    revision = level(*servers)
    with ThreadPoolExecutor() as pool:
        ours, theirs = pool.map(lambda server: told(story, name, server, revision), servers)
    assert ours == theirs
