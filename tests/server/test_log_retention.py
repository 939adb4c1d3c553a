# SPDX-License-Identifier: Apache-2.0
"""From where on the log on disk stays."""

from __future__ import annotations

from tricord.server.housekeeping import first_needed, keep_from


def test_the_slack_stays_and_what_others_lack() -> None:
    assert keep_from(1500, None, 1000) == 500
    assert keep_from(1500, 200, 1000) == 200
    assert keep_from(1500, 900, 1000) == 500
    assert keep_from(1500, None, 0) == 1500
    assert keep_from(500, None, 1000) < 0


def test_the_one_furthest_behind_counts_be_it_a_member_or_a_snapshot() -> None:
    assert first_needed([], None) is None
    assert first_needed([30, 20], None) == 21
    assert first_needed([30, 20], 10) == 11
    assert first_needed([], 0) == 1
