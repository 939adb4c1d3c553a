# SPDX-License-Identifier: Apache-2.0
"""The catalogue of faults says of each kind all that drawing and carrying it out need."""

from __future__ import annotations

import pytest

from tricord.sim.fault_kinds import BOTH, KINDS, Family, Kind, kinds_of


def test_there_are_enough_kinds_of_each_family() -> None:
    assert len(KINDS) >= 36
    assert {family: sum(kind.family is family for kind in KINDS.values()) for family in Family} == {
        Family.NETWORK: 13,
        Family.CLOCK: 5,
        Family.DISK: 10,
        Family.PROCESS: 6,
        Family.OPERATION: 9,
    }


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_says_what_its_numbers_are(kind: Kind) -> None:
    assert kind.words.endswith(".") and kind.nets and kind.nets <= BOTH
    assert bool(kind.amount) == bool(kind.amount_means)
    for low, high in filter(None, (kind.seconds, kind.amount)):
        assert 0 <= low < high


def test_both_nets_have_thirty_kinds_at_least() -> None:
    for net in BOTH:
        assert len(kinds_of(net)) >= 30
