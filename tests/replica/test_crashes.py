# SPDX-License-Identifier: Apache-2.0
"""Whatever the order of turns, disk answers and crashes: what was acknowledged stays, and nothing is applied twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replica.host import Host

Action = tuple[str, int]

actions = st.lists(
    st.one_of(
        st.tuples(st.just("propose"), st.integers(1, 4)),
        st.tuples(st.just("read"), st.integers(1, 2)),
        st.tuples(st.just("tick"), st.integers(1, 30)),
        st.tuples(st.just("write"), st.just(1)),
        st.tuples(st.just("turn"), st.just(1)),
        st.tuples(st.just("drain"), st.just(1)),
        st.tuples(st.just("crash"), st.integers(0, 3)),
    ),
    max_size=60,
)

SCRIPT: list[Action] = [
    ("turn", 1),
    ("write", 1),
    ("turn", 1),
    ("write", 1),
    ("propose", 2),
    ("write", 1),
    ("read", 1),
    ("drain", 1),
    ("propose", 1),
    ("propose", 3),
    ("write", 1),
    ("turn", 1),
    ("write", 1),
    ("turn", 1),
    ("drain", 1),
]


def perform(host: Host, action: Action, number: int) -> None:
    """One action, and what must hold after it."""
    what, count = action
    acknowledged = len(host.acknowledged)
    if what == "propose":
        host.turn([b"%d.%d" % (number, part) for part in range(count)])
    elif what == "read":
        host.turn(reads=count)
        for ticket, seen in host.served.items():
            assert ticket <= host.tickets - count or seen >= acknowledged, "a read sees what was acknowledged before it"
    elif what == "tick":
        host.turn(ticks=count)
    elif what == "write":
        host.write_one()
    elif what == "turn":
        host.turn()
    elif what == "drain":
        host.machine.drain()
    else:
        host.crash(written=count)


def check_end(host: Host) -> None:
    """After one more crash and a quiet time, every acknowledged command is there, once."""
    host.crash()
    host.settle()
    commands = host.machine.commands
    assert len(set(commands)) == len(commands), "none is applied twice"
    kept = set(host.acknowledged)
    assert [command for command in commands if command in kept] == host.acknowledged, "all are there, in order"
    assert commands == [entry.data for entry in host.log if entry.kind == 0]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(actions)
def test_no_acknowledged_command_is_lost_and_none_is_applied_twice(script: list[Action]) -> None:
    host = Host()
    for number, action in enumerate(script):
        perform(host, action, number)
    check_end(host)


def test_a_crash_between_every_two_actions_and_in_the_middle_of_every_write() -> None:
    for crash_at in range(len(SCRIPT) + 1):
        for written in range(4):
            host = Host()
            for number, action in enumerate(SCRIPT):
                if number == crash_at:
                    host.crash(written=written)
                    host.settle()
                perform(host, action, number)
            check_end(host)
