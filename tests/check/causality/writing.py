# SPDX-License-Identifier: Apache-2.0
"""Histories in a few letters: ``x=1`` writes, ``x?1`` reads, ``-`` is null; a line for each client, its name first."""

from __future__ import annotations

from tricord.check.history import History, Operation


def written(text: str) -> History:
    """``x!1`` is a put that failed, ``x~1`` one that is unknown."""
    found = []
    for line in text.strip().splitlines():
        client, *words = line.split()
        for word in words:
            key, sign, rest = word[0], word[1], word[2:]
            value = None if rest == "-" else rest
            if sign == "?":
                found.append(Operation(client=client, op="get", key=key, output=value))
            else:
                status = {"=": "ok", "!": "fail", "~": "unknown"}[sign]
                op = "delete" if value is None else "put"
                found.append(Operation(client=client, op=op, key=key, input=value, status=status))
    return History(found)
