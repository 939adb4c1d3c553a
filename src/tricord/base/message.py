# SPDX-License-Identifier: Apache-2.0
"""Records that only the type checker freezes.

A frozen dataclass costs about 450 ns to build, a slots dataclass 115 ns. Records travel in every turn, so the
decorator below makes a slots dataclass and lets mypy refuse assignment to its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def message(cls: type[T]) -> type[T]:
    """Make ``cls`` a slots dataclass that type checkers treat as frozen."""
    return dataclass(slots=True)(cls)
