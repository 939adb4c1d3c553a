# SPDX-License-Identifier: Apache-2.0
"""watch, lease, lock and elect against a member and against a real etcd: what they print, and what ends them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import Run, document, ok, run
from tricord import Client, connect
from tricord.base.leases import LeaseRevoke

__all__ = ["run"]


@pytest.fixture
def endpoint(run: Run) -> str:
    """Of the store that ``run`` asks."""
    return os.environ["ETCDCTL_ENDPOINTS"]


@pytest.fixture
def store(endpoint: str) -> Client:
    return connect(endpoint)


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tricord", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal: exit code, what came, what was wrong."""
    process.send_signal(number)
    output, faults = process.communicate(timeout=60)
    return process.returncode, output, faults


def test_a_watch_prints_history_and_leaves_after_so_many(run: Run) -> None:
    first = int(ok(run("put", "cli/a", "one\ttab")))
    ok(run("put", "cli/b", "two"))
    ok(run("del", "cli/a"))
    watched = ok(run("watch", "--prefix", "cli/", "--revision", str(first), "--previous", "--count", "3"))
    assert watched.splitlines() == [
        f"PUT\t{first}\tcli/a\tone\\ttab\t",
        f"PUT\t{first + 1}\tcli/b\ttwo\t",
        f"DELETE\t{first + 2}\tcli/a\t\tone\\ttab",
    ]
    lines = ok(run("watch", "cli/a", "cli/c", "--rev", str(first), "--count", "3", "--json")).splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["put", "put", "delete"]
    assert json.loads(lines[0])["value"] == "one\ttab"
    assert json.loads(lines[2]) == {"type": "delete", "revision": first + 2, "key": "cli/a"}


def test_a_watch_of_what_was_compacted(run: Run) -> None:
    first = int(ok(run("put", "cli/a", "one")))
    last = int(ok(run("put", "cli/a", "two")))
    ok(run("compact", str(last)))
    refused = run("watch", "cli/a", "--revision", str(first))
    assert refused.exit_code == 1
    assert "are gone" in refused.stderr
    process = started("watch", "cli/a", "--revision", str(first), "--resync", "--count", "1")
    assert process.stdout is not None
    assert process.stdout.readline() == f"KEY\t{last}\tcli/a\ttwo\n"
    ok(run("put", "cli/a", "three"))
    assert process.communicate(timeout=60) == (f"PUT\t{last + 1}\tcli/a\tthree\n", "")


def test_a_watch_goes_on_until_it_is_interrupted(run: Run) -> None:
    first = int(ok(run("put", "cli/a", "one")))
    watching = started("watch", "--from-key", "cli/a", "--revision", str(first))
    assert watching.stdout is not None
    assert watching.stdout.readline() == f"PUT\t{first}\tcli/a\tone\n"
    ok(run("del", "cli/a"))
    assert watching.stdout.readline() == f"DELETE\t{first + 1}\tcli/a\t\n"
    assert ended(watching, signal.SIGINT) == (130, "", "")


def test_the_life_of_a_lease(run: Run) -> None:
    granted = document(run("lease", "grant", "60", "--json"))
    number, shown = granted["id"], granted["hex"]
    assert (granted["ttl"], int(shown, 16)) == (60, number)
    ok(run("put", "cli/leased", "v", "--lease", shown))
    assert shown in ok(run("lease", "list")).splitlines()
    assert {"id": number, "hex": shown} in document(run("lease", "list", "--json"))
    lease, left, whole, key = ok(run("lease", "ttl", shown, "--keys")).rstrip("\n").split("\t")
    assert (lease, 0 < int(left) <= 60, whole, key) == (shown, True, "60", "cli/leased")
    assert document(run("lease", "ttl", str(number), "--keys", "--json"))["keys"] == [{"key": "cli/leased"}]
    assert ok(run("lease", "keep-alive", "--once", shown)) == f"{shown}\t60\n"
    assert document(run("lease", "keep-alive", "--once", "--json", shown))["ttl"] == 60
    assert ok(run("lease", "revoke", shown)) == f"{shown}\n"
    ok(run("get", "cli/leased"), 3)
    for command in (("ttl", shown), ("keep-alive", shown), ("revoke", shown)):
        gone = run("lease", *command)
        assert gone.exit_code == 3 and gone.stderr.startswith("tricord: "), gone.stderr
    assert ok(run("lease", "grant", "60", "--id", "0x1234")) == "0x1234\t60\n"
    taken = run("lease", "grant", "60", "--id", "4660")
    assert taken.exit_code == 1 and "already exists" in taken.stderr
    assert document(run("lease", "revoke", "0x1234", "--json")) == {"revoked": 0x1234, "hex": "0x1234"}


def test_a_lock_around_a_command(run: Run, store: Client, tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = f"echo $TRICORD_LOCK_KEY $TRICORD_LOCK_REVISION > {note}; exit 7"
    with store:
        assert run("lock", "cli-lock", "--", "sh", "-c", script).exit_code == 7
        key, revision = note.read_text().split()
        assert key.startswith("cli-lock/") and int(revision) > 1
        assert store.count("cli-lock/") == 0
        missing = run("lock", "cli-lock", "--", str(tmp_path / "missing"))
        assert (missing.exit_code, "missing" in missing.stderr) == (127, True)
        assert run("lock", "cli-lock", "--", str(tmp_path)).exit_code == 126
        killed = run("lock", "cli-lock", "--", "sh", "-c", "kill -9 $$")
        assert killed.exit_code == 137
        with store.lock("cli-lock"):
            late = run("lock", "--wait", "100ms", "cli-lock", "--", "true")
            assert late.exit_code == 4 and "not acquired in 0.1 s" in late.stderr
        assert store.count("cli-lock/") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_lock_is_held_until_told(run: Run, store: Client, number: signal.Signals) -> None:
    with store:
        holder = started("lock", "cli-lock")
        assert holder.stdout is not None
        key, revision = holder.stdout.readline().rstrip("\n").split("\t")
        found = store.get(key)
        assert found is not None and found.create_revision == int(revision)
        assert not store.lock("cli-lock").try_acquire()
        assert ended(holder, number) == (130, "", "")
        assert store.count("cli-lock/") == 0


def test_a_command_ends_when_its_lock_is_lost(run: Run, store: Client) -> None:
    with store:
        holder = started("lock", "--ttl", "9", "cli-lock", "--", "sh", "-c", "echo begun; exec sleep 60")
        assert holder.stdout is not None
        assert holder.stdout.readline() == "begun\n"
        (place,) = store.prefix("cli-lock/")
        store.call(LeaseRevoke(place.lease))
        output, faults = holder.communicate(timeout=60)
        assert (holder.returncode, output) == (1, "")
        assert "knows it no more" in faults


def test_an_election_from_the_command_line(run: Run, store: Client) -> None:
    with store:
        assert ok(run("elect", "--once", "cli-elect"), 3) == ""
        leader = started("elect", "cli-elect", "me", "--ttl", "30")
        assert leader.stdout is not None
        line = leader.stdout.readline()
        assert line.endswith("\tme\n")
        assert ok(run("elect", "--once", "cli-elect")) == line
        observer = started("elect", "cli-elect")
        assert observer.stdout is not None
        assert observer.stdout.readline() == line
        with store.election("cli-elect") as election:
            assert not election.campaign("you", timeout=0.1)
            assert ended(leader, signal.SIGTERM) == (130, "", "")
            election.campaign("you")
            assert observer.stdout.readline().endswith("\tyou\n")
        assert ended(observer, signal.SIGINT) == (130, "", "")
