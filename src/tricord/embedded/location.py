# SPDX-License-Identifier: Apache-2.0
"""Where a store in this process is: a directory, or ``memory://``."""

from __future__ import annotations

import os

from tricord.base.errors import ConfigurationError

MEMORY = "memory://"


def checked_location(location: str | os.PathLike[str]) -> str:
    """The location as text. Raises ConfigurationError for what is neither."""
    where = os.fspath(location)
    if where != MEMORY and "://" in where:
        raise ConfigurationError(f"{where}: open a directory or {MEMORY}; for a server use tricord.connect")
    if not where:
        raise ConfigurationError(f"no location was given: name a directory, or {MEMORY}")
    return where
