# SPDX-License-Identifier: Apache-2.0
"""How the demo looks: a line for each thing that is done, and what each model made of it, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.base.message import message

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("strong", "causal", "eventual")
WHAT_WIDTH, COLUMN_WIDTH = 40, 22
GOOD, BAD, ODD, QUIET = "good", "bad", "odd", "quiet"
_STYLES = {GOOD: "green", BAD: "red", ODD: "yellow", QUIET: "dim"}


@message
class Said:
    """What one model made of it. ``tone``: as hoped, refused, out of order, or nothing to speak of."""

    text: str
    tone: str = QUIET


class Screen:
    """Lines of words alone (``plain``), or with colours."""

    def __init__(self, *, plain: bool, record: bool = False) -> None:
        self._console: Console | None = None
        if not plain:
            from rich.console import Console

            self._console = Console(highlight=False, record=record, width=112 if record else None)

    def title(self, text: str) -> None:
        """A new act."""
        self._say("")
        self._say(text, "bold")

    def heads(self) -> None:
        """Names of the columns."""
        self._say(f"{'':{WHAT_WIDTH}}" + "".join(f"{name:{COLUMN_WIDTH}}" for name in COLUMNS).rstrip(), "bold")

    def row(self, what: str, said: dict[str, Said]) -> None:
        """One thing that was done."""
        if self._console is None:
            cells = "".join(f"{said[name].text:{COLUMN_WIDTH}}" for name in COLUMNS if name in said)
            print(f"{what:{WHAT_WIDTH}}{cells}".rstrip(), flush=True)
            return
        from rich.text import Text

        line = Text(f"{what:{WHAT_WIDTH}}")
        for name in COLUMNS:
            one = said.get(name, Said(""))
            line.append(f"{one.text:{COLUMN_WIDTH}}", _STYLES[one.tone])
        line.rstrip()
        self._console.print(line, soft_wrap=True)

    def line(self, text: str, tone: str = "") -> None:
        """A sentence."""
        self._say(text, _STYLES.get(tone, ""))

    def picture(self, title: str) -> str:
        """All that was shown, as SVG; only where it is recorded."""
        assert self._console is not None
        return self._console.export_svg(title=title)

    def _say(self, text: str, style: str = "") -> None:
        if self._console is None:
            print(text, flush=True)
        else:
            self._console.print(text, style=style or None, markup=False, soft_wrap=True)
