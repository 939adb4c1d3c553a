# SPDX-License-Identifier: Apache-2.0
"""Small histories of transactions, written short."""

from __future__ import annotations

import json
from typing import Any

from tricord.check.history import History, Operation

STATUS = {"!": "fail", "?": "unknown"}


def transactions(text: str) -> History:
    """``w x 1, r y null | append z 1 | !w x 3 | ?r z [1,2]``: transactions, all at once, each of its own client.

    A mark before one says that it failed (``!``) or that nobody knows (``?``). Values are JSON.
    """
    operations = []
    for client, part in enumerate(text.split(" | ")):
        part = part.strip()
        status = STATUS.get(part[0], "ok")
        micros: list[list[Any]] = []
        for micro in part.lstrip("!?").split(", "):
            what, key, value = micro.split(" ", 2)
            micros.append([what, key, json.loads(value)])
        asked = [[what, key, None if what == "r" else value] for what, key, value in micros]
        answered = micros if status == "ok" else None
        operations.append(Operation(client=client, op="txn", input=asked, output=answered, return_ns=1, status=status))
    return History(operations)


def operations(text: str) -> History:
    """``A put x 1 | B get x null | ?A cas x {"expect":"1","value":"2"} true``: one after the other, by these clients.

    ``append x "a" "ba"`` says the output too; without one it is null.
    """
    found = []
    for index, part in enumerate(text.split(" | ")):
        part = part.strip()
        status = STATUS.get(part[0], "ok")
        client, op, key, *values = part.lstrip("!?").split(" ")
        parsed = [json.loads(value) for value in values] + [None, None]
        asked, answered = (None, parsed[0]) if op == "get" else (parsed[0], parsed[1])
        found.append(
            Operation(
                client=client, op=op, key=key, input=asked, output=answered if status == "ok" else None,
                call_ns=index * 10, return_ns=index * 10 + 5, status=status,
            )
        )  # fmt: skip
    return History(found)
