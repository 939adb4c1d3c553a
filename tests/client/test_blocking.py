# SPDX-License-Identifier: Apache-2.0
"""The blocking client: the same methods on a loop thread, a mapping, threads, forks, and leaving it behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import sys
import threading
import time
import warnings
from types import FrameType

import pytest

from tests.client.memory_caller import MemoryCaller
from tricord.base.errors import Cancelled, ConfigurationError, DataDirectoryInUse, KeyNotProvided
from tricord.base.trace import TraceEvent
from tricord.client.asynchronous import AsyncClient
from tricord.client.blocking import Client
from tricord.client.caller import Caller
from tricord.client.loop_thread import LoopThread
from tricord.txn import put


def of(caller: MemoryCaller) -> Client:
    async def opener() -> Caller:
        return caller

    return Client(lambda: AsyncClient(opener), asyncio.new_event_loop)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("tricord")]


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(kind: type) -> dict[str, list[tuple[str, object]]]:
        return {
            name: [(parameter.name, parameter.default) for parameter in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    for name in methods(Client):
        assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name)), name


def test_it_answers_as_the_async_one_does_and_leaves_no_thread_behind() -> None:
    caller = MemoryCaller()
    with of(caller) as store:
        assert threads() == ["tricord-client"]
        assert store.put("a/1", "x").revision == 2
        assert store.put("a/2", "y", previous=True).previous is None
        found = store.get("a/1")
        assert found is not None and found.text == "x"
        assert [kv.key for kv in store.range("a/1", "a/2")] == [b"a/1"]
        assert store.prefix("a/").count == store.count("a/") == 2
        assert [kv.key for kv in store.scan("a/", page_size=1)] == [b"a/1", b"a/2"]
        assert store.ask(put("b", "z")).revision == 4
        assert store.compact(2).revision == 4
        assert store.members()[0].id == 2
        assert store.status().leader == 2
        assert store.delete("a/1")
        assert store.delete_prefix("a/").deleted == 1
        assert store.delete_range("b").deleted == 1
        with pytest.raises(KeyNotProvided):
            store.put("", "")
    assert caller.closed == 1
    assert not threads()
    store.close()
    with pytest.raises(Cancelled):
        store.get("k")


def test_it_is_a_mapping() -> None:
    with of(MemoryCaller()) as db:
        db["k"] = b"v"
        db["ü"] = "w"
        assert db["k"] == b"v"
        assert "k" in db and b"k" in db and "x" not in db
        assert list(db) == [b"k", "ü".encode()]
        del db["k"]
        with pytest.raises(KeyError):
            db["k"]
        with pytest.raises(KeyError):
            del db["k"]


def test_many_threads_share_one_client() -> None:
    caller = MemoryCaller()
    with of(caller) as store:

        def write(thread: int) -> None:
            for number in range(20):
                store.put(f"{thread}/{number}", "")

        workers = [threading.Thread(target=write, args=(thread,)) for thread in range(5)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert store.count() == 100


def test_an_opening_that_fails_is_told_and_leaves_no_thread_behind() -> None:
    async def opener() -> Caller:
        raise DataDirectoryInUse("used by process 7")

    with pytest.raises(DataDirectoryInUse):
        Client(lambda: AsyncClient(opener), asyncio.new_event_loop)
    assert not threads()


def test_a_client_that_is_forgotten_warns_and_ends_its_thread() -> None:
    caller = MemoryCaller()
    store = of(caller)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "tricord-client"]
    with pytest.warns(ResourceWarning, match="not closed"):
        del store
        gc.collect()
    thread.join(60)
    assert not thread.is_alive()
    assert caller.closed == 1


def test_what_was_made_of_a_client_that_is_forgotten_goes_on() -> None:
    caller = MemoryCaller()
    session = of(caller).session()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "tricord-client"]
    gc.collect()
    assert session.put("a", "1").revision == 2
    register = session.register("a")
    with pytest.warns(ResourceWarning, match="not closed"):
        del session
        gc.collect()
        assert thread.is_alive() and not caller.closed
        del register
        gc.collect()
    thread.join(60)
    assert (thread.is_alive(), caller.closed) == (False, 1)


def test_an_observer_that_calls_back_is_told_instead_of_waiting_for_ever() -> None:
    said: list[str] = []

    def meddle(event: TraceEvent) -> None:
        with pytest.raises(ConfigurationError, match="aio") as caught:
            store.get("k")
        said.append(str(caught.value))

    async def opener() -> Caller:
        return MemoryCaller()

    store = Client(lambda: AsyncClient(opener, observer=meddle), asyncio.new_event_loop)
    with store:
        store.put("k", "v")
    assert len(said) == 2


def waits_for_result(frame: FrameType) -> bool:
    return frame.f_code.co_name == "wait" and frame.f_back is not None and frame.f_back.f_code.co_name == "result"


def test_an_interrupt_of_the_waiting_thread_cancels_the_call() -> None:
    thread = LoopThread("tricord-test", asyncio.new_event_loop)
    cancelled, told = threading.Event(), threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def interrupt() -> None:
        """Ctrl-C once the main thread waits; again where the signal came just before it slept and did not wake it."""
        while not waits_for_result(sys._current_frames()[main]):
            time.sleep(0.001)
        signal.pthread_kill(main, signal.SIGINT)
        while not told.wait(5):
            signal.pthread_kill(main, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        thread.run(wait)
    told.set()
    interrupter.join()
    assert cancelled.wait(60)
    thread.stop()


def test_stopping_ends_what_still_runs() -> None:
    thread = LoopThread("tricord-test", asyncio.new_event_loop)
    cancelled = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        tasks.append(asyncio.ensure_future(linger()))
        await asyncio.sleep(0)

    thread.run(begin)
    thread.stop()
    thread.stop()
    assert cancelled.is_set()
    assert thread.stopped


def test_a_forked_child_is_told_to_make_its_own() -> None:
    store = of(MemoryCaller())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # newer Pythons warn of forks beside threads, as they should
        child = os.fork()
    if child == 0:
        try:
            store.get("k")
        except ConfigurationError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    store.close()
