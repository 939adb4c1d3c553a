# SPDX-License-Identifier: Apache-2.0
"""How a proposal ends: one of three, always, and within its timeout."""

from __future__ import annotations

from typing import Any, TypeAlias

from tricord.base.errors import TricordError
from tricord.base.message import message


@message
class Committed:
    """The command is in a majority's durable logs at ``index``, and the state machine here answered ``result``."""

    index: int
    result: Any


@message
class Rejected:
    """Nothing was done, and nothing will be: try again, here or elsewhere."""

    error: TricordError


@message
class Unknown:
    """It may have been done, or be yet: look before trying again, unless doing it twice is the same."""

    error: TricordError


Outcome: TypeAlias = Committed | Rejected | Unknown
