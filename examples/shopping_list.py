# SPDX-License-Identifier: Apache-2.0
"""A shopping list that works on the train: ``python shopping_list.py DIRECTORY ENDPOINT [add|done ITEM... | sync]``.

It is an edge: the list is in DIRECTORY, read and written with no network, and meets those of others whenever a member
can be reached at ENDPOINT.
"""

from __future__ import annotations

import sys
import time

import tricord

SYNC_SECONDS = 30.0


def main(directory: str, endpoint: str, command: str = "show", *items: str) -> None:
    """Change the list or wait until all is sent; then print it."""
    with tricord.open(directory, replicate_with=endpoint) as store:
        shopping = store.keyspace("shopping", model="causal")
        for item in items:
            if command == "add":
                shopping.put(item, "wanted")
            elif command == "done":
                shopping.delete(item)
        if command == "sync":
            wait_until_sent(store)
        for entry in shopping.scan():
            print(entry.key.decode())


def wait_until_sent(store: tricord.Client) -> None:
    """Return when a member has all that was written here, and has told what it had."""
    end = time.monotonic() + SYNC_SECONDS
    while time.monotonic() < end:
        edge = store.status().edge
        assert edge is not None, "the store was opened with replicate_with"
        if all(one.connected and not one.unsent and one.contact_seconds is not None for one in edge.keyspaces):
            time.sleep(0.5)
            return
        time.sleep(0.05)
    sys.exit("nobody could be reached; what was written is kept, and sent the next time")


if __name__ == "__main__":
    main(*sys.argv[1:])
