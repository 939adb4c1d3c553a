# SPDX-License-Identifier: Apache-2.0
"""Who differs, from what members said of one and the same place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

NOBODY_KNOWS = 0
"""Stands for the member where members differ and no majority says who is wrong; etcd does so as well."""


def differing(said: Mapping[int, int | None], members: int) -> set[int]:
    """Those who differ from a majority of ``members``; ``{NOBODY_KNOWS}`` where there is none; empty when all agree.

    ``said`` has what each member that answered holds, None where it could not say.
    """
    known = {member: value for member, value in said.items() if value is not None}
    values = Counter(known.values())
    if len(values) < 2:
        return set()
    ((most, count),) = values.most_common(1)
    if 2 * count <= members:
        return {NOBODY_KNOWS}
    return {member for member, value in known.items() if value != most}
