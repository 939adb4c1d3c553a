# SPDX-License-Identifier: Apache-2.0
"""Adds one to a counter under a lock, so that any number of these may run at once: ``python lock.py [ENDPOINT]``."""

from __future__ import annotations

import sys

import tricord


def main(endpoint: str) -> None:
    """Read the counter, write it one higher, print it."""
    with tricord.connect(endpoint) as store, store.lock("counter-lock", timeout=30) as lock:
        before = store.get("counter")
        count = int(before.text) + 1 if before is not None else 1
        # Guarded: if this process was paused for too long and another has the lock, nothing is written.
        store.put("counter", str(count), guarded_by=lock)
        print(count)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:2379")
