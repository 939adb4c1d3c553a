# SPDX-License-Identifier: Apache-2.0
"""Random histories: the state machine answers what the reference model answers, whatever happens in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mvcc.memory_store import MemoryStore
from tests.reference_model import ReferenceModel
from tests.statemachine.driving import LIMITS, Driver
from tests.strategies import KEYS, grants, requests, revokes
from tricord.base.errors import TricordError
from tricord.base.leases import LeaseGrant
from tricord.base.operations import Range, Request, Result
from tricord.base.ordered import Table
from tricord.mvcc.hashes import content_hash
from tricord.statemachine.validation import validate

GRANTED = 7
"""The lease that random puts name; it exists in half of the histories."""


@st.composite
def histories(draw: st.DrawFn) -> list[Request | str]:
    """Requests with restarts, slices of sweeping and steps of draining between them."""
    between = st.sampled_from(("restart", "sweep 1", "sweep 3", "hand over", "drain"))
    leases = st.one_of(grants, revokes)
    return draw(st.lists(st.one_of(requests, requests, requests, requests, requests, leases, between), max_size=30))


def outcome_of(call: object, request: Request) -> Result | tuple[type, str]:
    try:
        validate(request, LIMITS)
        return call(request)  # type: ignore[operator, no-any-return]
    except TricordError as error:
        return type(error), str(error)


def everything(revision: int = 0) -> Range:
    return Range(b"\x00", b"\x00", revision=revision)


@settings(max_examples=300, deadline=None)
@given(histories(), st.booleans())
def test_a_history_has_the_same_answers_revisions_events_and_past(history: list[Request | str], granted: bool) -> None:
    store = MemoryStore()
    driver = Driver(store)
    model = ReferenceModel()
    if granted:
        assert driver.call(LeaseGrant(10, GRANTED)) == model.call(LeaseGrant(10, GRANTED))
    for step in history:
        if step == "restart":
            driver.restart()
        elif step == "hand over":
            store.hand_over()
        elif step == "drain":
            store.drain()
        elif isinstance(step, str):
            driver.machine.sweep(int(step.split()[1]))
        else:
            assert outcome_of(driver.call, step) == outcome_of(model.call, step)
            assert driver.revision == model.revision
    for revision in range(max(1, model.compacted), model.revision + 1):
        assert driver.machine.read(everything(revision)) == model.range(everything(revision), {})
    check_events(driver, model)
    check_swept(driver, model)
    check_lease_keys(driver, model)


def check_events(driver: Driver, model: ReferenceModel) -> None:
    """A second machine that applies the same log in one batch gives the same events, and ends with the same data."""
    other = Driver(MemoryStore())
    applied = other.machine.apply(driver.log)
    events = {result.revision: result.events for result in applied if result.events}
    assert events == model.events
    assert other.machine.chain == driver.machine.chain
    assert content_hash(other.machine.keyspace()) == content_hash(driver.machine.keyspace())


def check_swept(driver: Driver, model: ReferenceModel) -> None:
    """Once swept, what is kept is what can still be read: no superseded version at or below the mark."""
    driver.machine.sweep(1)
    driver.restart()
    while not driver.machine.sweep(1):
        pass
    for revision in range(max(1, model.compacted), model.revision + 1):
        assert driver.machine.read(everything(revision)) == model.range(everything(revision), {})
    readable = set()
    for revision in range(max(1, model.compacted), model.revision + 1):
        readable |= {(kv.key, kv.mod_revision) for kv in model.states[revision].values()}
    kept = driver.store.count(Table.HEAD, b"", None) + driver.store.count(Table.HISTORY, b"", None)
    later = [event for revision, events in model.events.items() if revision > model.compacted for event in events]
    tombstones = [event for event in later if event.kv.version == 0]
    short_lived = [
        event for event in later if event.kv.version and (event.kv.key, event.kv.mod_revision) not in readable
    ]
    assert kept == len(readable) + len(tombstones) + len(short_lived)


def check_lease_keys(driver: Driver, model: ReferenceModel) -> None:
    attached = {key[12:] for key, _ in driver.store.scan(Table.LEASE_KEYS, b"", None)}
    assert attached == {key for key in KEYS if key in model.keys and model.keys[key].lease}
