# SPDX-License-Identifier: Apache-2.0
"""How the demo looks: a line for each thing that is done, and what each model made of it, side by side."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from tricord.base.message import message

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("strong", "causal", "eventual")
WHAT_WIDTH, COLUMN_WIDTH = 40, 22
PICTURE_WIDTH = 106
GOOD, BAD, ODD, QUIET = "good", "bad", "odd", "quiet"
_STYLES = {GOOD: "green", BAD: "red", ODD: "yellow", QUIET: "dim"}


@message
class Said:
    """What one model made of it. ``tone``: as hoped, refused, out of order, or nothing to speak of."""

    text: str
    tone: str = QUIET


class Screen:
    """Shows lines: as words alone (``plain``), or with colours. With ``record`` there is a ``picture`` of them, too."""

    def __init__(self, *, plain: bool, record: bool = False) -> None:
        self._is_plain = plain
        self._consoles: list[Console] = []
        if not plain or record:
            from rich.console import Console

            if not plain:
                self._consoles.append(Console(highlight=False))
            if record:
                drawn = Console(file=StringIO(), record=True, force_terminal=True, highlight=False, width=PICTURE_WIDTH)
                self._consoles.append(drawn)

    def title(self, text: str) -> None:
        """A new act."""
        self._say([])
        self._say([(text, "bold")])

    def heads(self) -> None:
        """Names of the columns."""
        self._say([("".ljust(WHAT_WIDTH), ""), *((name.ljust(COLUMN_WIDTH), "bold") for name in COLUMNS)])

    def row(self, what: str, said: dict[str, Said]) -> None:
        """One thing that was done."""
        cells = [(said[name].text.ljust(COLUMN_WIDTH), _STYLES[said[name].tone]) for name in COLUMNS]
        self._say([(what.ljust(WHAT_WIDTH), ""), *cells])

    def line(self, text: str, tone: str = "") -> None:
        """A sentence."""
        self._say([(text, _STYLES.get(tone, ""))])

    def picture(self, title: str) -> str:
        """All that was shown, as SVG; only where it is recorded."""
        return self._consoles[-1].export_svg(title=title)

    def _say(self, parts: list[tuple[str, str]]) -> None:
        if self._is_plain:
            print("".join(text for text, _ in parts).rstrip(), flush=True)
        if self._consoles:
            from rich.text import Text

            for console in self._consoles:
                # A long line is broken in the picture alone: a terminal does that itself.
                console.print(Text.assemble(*parts), soft_wrap=not console.record)
