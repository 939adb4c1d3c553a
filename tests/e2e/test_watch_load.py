# SPDX-License-Identifier: Apache-2.0
"""The load of `make test-watch`, small."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.watch_load import Plan, load
from tests.peers.processes import MemberProcess


def test_many_watchers_are_told_of_each_change_once_and_in_order(tmp_path: Path) -> None:
    with MemberProcess(tmp_path / "data") as member:
        figures = load(member, Plan(watchers=1500, events=30_000, connections=4, streams=2))
    assert figures.startswith("1500 watchers on 8 streams of 4 connections: 30")
