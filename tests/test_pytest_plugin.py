# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin, in test suites of its own that treat every warning as an error."""

from __future__ import annotations

import asyncio

import pytest

from tricord.sim.wide.cluster import Cluster
from tricord.sim.wide.in_tests import play  # here, too, since what a suite within imports is forgotten after it
from tricord.sim.wide.traced_loop import TracedLoop

pytest_plugins = ["pytester"]

OPTIONS = ("-q", "-W", "error", "-p", "no:cacheprovider")

LEASE = """
import pytest

def test_a_key_ends_with_its_lease(tricord_sim):
    async def story(cluster):
        async with cluster.client() as store:
            lease = await store.lease(60)
            await store.put("job", "mine", lease=lease)
            await cluster.sleep(30)
            assert (await store.get("job")).text == "mine"
            lease.abandon()
            await cluster.sleep(90)
            return await store.get("job"), cluster.now

    gone, now = tricord_sim.run(story, members=1)
    assert gone is None and now >= 120
"""

HANDS = """
async def test_a_cut_off_leader_is_replaced(tricord_sim):
    cluster = tricord_sim
    old = cluster.leader
    others = [name for name in cluster.members if name != old]
    cluster.partition([old], others)
    await cluster.sleep(3)
    async with cluster.client(*others) as store:
        await store.put("a", "1")
    assert cluster.leader in others
    cluster.heal()
    cluster.kill(others[0])
    await cluster.until_led()
    async with cluster.client() as store:
        assert (await store.get("a")).text == "1"
    await cluster.start(others[0])
    cluster.pause(old)
    await cluster.sleep(1)
    cluster.resume(old)
    await cluster.settle()
"""

FAILS = """
import pytest

@pytest.mark.parametrize("size", [1], ids=["it's 1"])
@pytest.mark.tricord_sim(members=1)
async def test_it(tricord_sim, size):
    await tricord_sim.sleep(1)
    assert size == 2, "as told"
"""

SWARM = """
def test_what_was_written_is_read(tricord_sim):
    async def story(cluster):
        async with cluster.client(timeout=2.0) as store:
            for number in range(20):
                try:
                    await store.put("a", str(number))
                except Exception as error:
                    assert type(error).__module__ == "tricord.base.errors"
                await cluster.sleep(0.2)

    tricord_sim.run(story, faults="swarm", seconds=4.0)
"""


def test_a_story_runs_in_virtual_time(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LEASE)
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)


def test_a_member_without_others_takes_few_turns() -> None:
    async def story(cluster: Cluster) -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TracedLoop)
        before = loop.steps
        await cluster.sleep(100)
        return (loop.steps - before) / 100

    assert play(story, [], seed=1, members=1) < 15
    assert play(story, [], seed=1, members=1, settings={"heartbeat_interval": 100, "election_timeout": 1000}) > 20


def test_an_async_test_has_the_cluster_in_its_hands(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HANDS)
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)


def test_seeds_are_tests_of_their_own_and_draw_their_faults(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SWARM)
    result = pytester.runpytest_inprocess(*OPTIONS, "-vv", "--tricord-seed", "7", "--tricord-seeds", "2")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_what_was_written_is_read?seed7?*", "*?seed8?*"])


def test_a_failure_says_its_seed_and_how_to_see_it_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    result = pytester.runpytest_inprocess(*OPTIONS, "--tricord-seed", "5", "--tricord-seeds", "2")
    result.assert_outcomes(failed=2)
    quoted = "'test_a_failure*.py::test_it?it'\"'\"'s 1?'"
    result.stdout.fnmatch_lines(
        [
            "*as told*",
            "*tricord simulation*",
            f"seed 5; again: pytest {quoted} --tricord-seed 5",
            "0.000 n1 leads in term 1",
        ]
    )


def test_the_command_is_that_of_the_folder_it_was_typed_in(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]")
    pytester.mkdir("deep").joinpath("test_deep.py").write_text("def test_it(tricord_sim):\n    assert False\n")
    monkeypatch.chdir(pytester.path / "deep")
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.stdout.fnmatch_lines(["seed 1; again: pytest test_deep.py::test_it --tricord-seed 1"])


def test_what_cannot_be_played_is_said_in_words() -> None:
    async def story(cluster: Cluster) -> None: ...

    with pytest.raises(ValueError, match="a cluster has 1 to 9 members, not 0"):
        play(story, [], seed=1, members=0)
    with pytest.raises(TypeError, match="a story is a coroutine function"):
        play(lambda cluster: 1, [], seed=1, members=1)  # type: ignore[arg-type,return-value]


def test_there_is_at_least_one_seed_and_none_is_below_0(pytester: pytest.Pytester) -> None:
    for option, words in (("--tricord-seeds=0", "no seed is no run"), ("--tricord-seed=-1", "-1 is below 0")):
        result = pytester.runpytest(*OPTIONS, option)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert words in "\n".join(result.errlines)


def test_pytest_is_not_slowed_down_by_the_simulator(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\n\ndef test_it():\n    assert 'tricord.sim' not in sys.modules")
    pytester.runpytest_subprocess(*OPTIONS).assert_outcomes(passed=1)
