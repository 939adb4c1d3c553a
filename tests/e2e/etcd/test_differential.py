# SPDX-License-Identifier: Apache-2.0
"""A tricord member and a real etcd are given the same scripts and must answer the same, code and text included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.etcd.cases import CASES, SINCE_3_6, Steps
from tests.e2e.etcd.speaker import Speaker
from tests.peers.processes import EtcdProcess, MemberProcess

Pair = tuple[Speaker, Speaker]


@pytest.fixture(scope="module")
def pair(etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A member and a real etcd of this module alone: scripts empty the whole key space."""
    directory = tmp_path_factory.mktemp("differential")
    with MemberProcess(directory / "tricord") as member, EtcdProcess(etcd_binary, directory / "etcd") as etcd:
        speakers = Speaker(member.endpoint), Speaker(etcd.endpoint)
        yield speakers
        for speaker in speakers:
            speaker.close()


def cases() -> list[Any]:
    newer = pytest.mark.peer("etcd")
    return [pytest.param(steps, id=name, marks=newer if name in SINCE_3_6 else ()) for name, steps in CASES.items()]


def test_every_name_in_the_list_of_newer_cases_is_a_case() -> None:
    assert set(CASES) > SINCE_3_6


@pytest.mark.parametrize("steps", cases())
def test_both_answer_the_same(steps: Steps, pair: Pair) -> None:
    tricord, etcd = pair
    answers = tricord.run(steps)
    expected = etcd.run(steps)
    for step, answer, wanted in zip(steps, answers, expected, strict=True):
        assert answer == wanted, f"at {step}"[:400]
