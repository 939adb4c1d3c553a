# SPDX-License-Identifier: Apache-2.0
"""Writers by tricord's own client, each a thread: unique keys, each read back at once. What they see is kept."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Self

import tricord
from tricord.base.errors import TricordError


class PythonLoad:
    """``with PythonLoad(endpoints, writers=2) as load: ...`` writes until the block is left."""

    def __init__(self, endpoints: str, writers: int, *, rate: float = 50, prefix: str = "python") -> None:
        """``rate``: most writes a second of each writer."""
        self._endpoints = endpoints
        self._pause = 1 / rate
        self._prefix = prefix
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(writers)]
        self.errors: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.acknowledged = 0

    def _write(self, writer: int) -> None:
        number = 0
        with tricord.connect(self._endpoints, timeout=60) as store:
            while not self._stop.wait(self._pause):
                number += 1
                key, value = f"{self._prefix}/{writer}/{number:08}", f"{writer}-{number}"
                try:
                    store.put(key, value)
                    found = store.get(key)
                except TricordError as error:
                    with self._lock:
                        self.errors[repr(error)] += 1
                    continue
                with self._lock:
                    self.acknowledged += 1
                    if found is None or found.text != value:
                        self.wrong.append(f"{key}: {found}")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
