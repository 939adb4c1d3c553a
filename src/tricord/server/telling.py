# SPDX-License-Identifier: Apache-2.0
"""What a member says while it runs: lines with fields, to whoever made it."""

from __future__ import annotations

from typing import Any, Protocol


class Tells(Protocol):
    """A log, as far as a member needs one."""

    def info(self, event: str, **fields: Any) -> Any:
        """Something that happens in the life of a member."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Something that a person should look at."""


class TellsNobody:
    """For members whose maker does not listen."""

    def info(self, event: str, **fields: Any) -> Any:
        """See ``Tells``."""

    def warning(self, event: str, **fields: Any) -> Any:
        """See ``Tells``."""
