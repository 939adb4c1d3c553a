# SPDX-License-Identifier: Apache-2.0
"""The class of ``tricord check run``: wrong usage ends with its own exit code and a last line, as all else does."""

from __future__ import annotations

from typing import Any

from tricord.cli.check_run import CheckCode, Report
from tricord.cli.usage import ThreeForUsage


class CheckCommand(ThreeForUsage):
    """Says in a last line that it is bad input."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """As any command's."""
        try:
            return super().make_context(*arguments, **options)
        except Exception as error:
            told: Any = error  # a usage error of click, or of typer's copy of it
            if getattr(told, "exit_code", None) == CheckCode.BAD_INPUT:
                Report("", reason=told.format_message()).write()
            raise
