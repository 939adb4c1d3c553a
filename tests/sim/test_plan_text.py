# SPDX-License-Identifier: Apache-2.0
"""Plans are written and read back as they were, and a wrong line is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.sim.fault_kinds import FINE, WIDE, Targets, kinds_of
from tricord.sim.plan import Fault, Plan
from tricord.sim.plan_text import BadPlan, format_plan, parse_plan

numbers = st.floats(0, 1e6, allow_nan=False)
members = st.sampled_from(["n1", "n2", "n3", "n4", "leader", "follower"])


@st.composite
def faults(draw: st.DrawFn, net: str) -> Fault:
    kind = draw(st.sampled_from(kinds_of(net)))
    low, high = {
        Targets.ALL: (0, 0),
        Targets.ONE: (1, 1),
        Targets.PAIR: (2, 2),
        Targets.SIDE: (1, 4),
        Targets.SOME: (0, 4),
    }[kind.targets]
    targets = draw(st.lists(members, min_size=low, max_size=high, unique=True))
    return Fault(draw(numbers), kind.name, tuple(targets), draw(numbers), draw(numbers))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    net = draw(st.sampled_from([FINE, WIDE]))
    return Plan(
        net=net,
        seed=draw(st.integers(0, 2**63)),
        members=draw(st.integers(1, 7)),
        seconds=draw(numbers),
        load=draw(st.floats(0.01, 1e5)),
        clients=draw(st.integers(1, 50)),
        keys=draw(st.integers(1, 50)),
        options=draw(st.dictionaries(st.from_regex(r"[b-z][a-z_]*", fullmatch=True), st.floats(-1e9, 1e9), max_size=3)),
        faults=tuple(sorted(draw(st.lists(faults(net), max_size=6)), key=lambda fault: fault.at)),
    )


@given(plans())
def test_what_was_written_is_read(plan: Plan) -> None:
    text = format_plan(plan)
    assert parse_plan(text) == plan
    assert format_plan(parse_plan(text)) == text


def test_a_plan_reads_as_the_page_shows_it() -> None:
    text = """\
# a comment
net fine
seed 17
members 5
seconds 30
option snapshot_entries 50
fault 9.500 crash leader for 2.000   # later in the file is not later in time

fault 1.250 partition n1,n2 for 3.000
fault 2 loss all for 5 amount 0.1
"""
    assert parse_plan(text) == Plan(
        net="fine",
        seed=17,
        members=5,
        seconds=30.0,
        options={"snapshot_entries": 50.0},
        faults=(
            Fault(1.25, "partition", ("n1", "n2"), 3.0),
            Fault(2.0, "loss", (), 5.0, 0.1),
            Fault(9.5, "crash", ("leader",), 2.0),
        ),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("seed 2", "line 3: 'seed' for the second time"),
        ("members none", "line 3: 'none' is no whole number"),
        ("members 0", "line 3: members is from 1 to 9, not 0"),
        ("seconds -1", "line 3: seconds is from 0 to 1000000, not -1"),
        ("load nan", "line 3: 'nan' is no number"),
        ("colour red", "line 3: not a line of a plan: 'colour red'"),
        ("option x", "line 3: not a line of a plan: 'option x'"),
        ("option X 1", "line 3: 'X' is no name"),
        ("net wide", "line 3: 'net' for the second time"),
        ("net deep", "line 3: there is no net 'deep', but fine and wide"),
        ("fault 1 melt n1", "line 3: there is no fault 'melt'; `tricord sim kinds` lists them"),
        ("fault 1 crash n1 until 3", "line 3: expected `for SECONDS` and `amount NUMBER`, not 'until 3'"),
        ("fault -1 crash n1", "line 3: a number of seconds is from 0 to 1000000, not -1"),
        ("members 1000", "line 3: members is from 1 to 9, not 1000"),
        ("clients 1000000000", "line 3: clients is from 1 to 1000, not 1000000000"),
        ("load 0", "line 3: load is from 0.01 to 100000, not 0"),
        ("seconds 1e300", "line 3: seconds is from 0 to 1000000, not 1e+300"),
        ("option election_ticks 1", "line 3: election_ticks is from 2 to 1000000, not 1"),
        ("option snapshot_entries -5", "line 3: snapshot_entries is from 0 to 1000000, not -5"),
        ("fault 1 delay all for 2 amount 1e300", "line 3: an amount is from 0 to 1000000000, not 1e+300"),
        ("fault 1 loss all for 2 amount -1", "line 3: an amount is from 0 to 1000000000, not -1"),
        ("fault 1 crash all", "line 3: crash is for one member, not for all"),
        ("fault 1 crash n1,n2", "line 3: crash is for one member, not for n1,n2"),
        ("fault 1 power-cut n1", "line 3: power-cut is for all, not for n1"),
        ("fault 1 loss n1,n1", "line 3: loss: a target is named twice"),
        ("fault 1 clog n1,", "line 3: '' is no name"),
    ],
)
def test_a_wrong_line_is_named(line: str, says: str) -> None:
    with pytest.raises(BadPlan) as refused:
        parse_plan(f"net fine\nseed 1\n{line}\n")
    assert str(refused.value) == says


def test_a_plan_needs_a_net_and_a_seed_and_faults_that_its_net_has() -> None:
    for text, says in (
        ("seed 1\n", "the plan has no line of 'net'"),
        ("net fine\n", "the plan has no line of 'seed'"),
        ("net wide\nseed 1\nfault 1 duplicate all for 2 amount 0.1\n", "'duplicate' does not exist on the net 'wide'"),
    ):
        with pytest.raises(BadPlan, match=says):
            parse_plan(text)
