# SPDX-License-Identifier: Apache-2.0
"""What a history leaves open before versions have writers: all ways to fill it in, the likely one first.

Two things are open: what an append of text wrote whose answer does not say it, and who appended an item of a list
that several transactions did. Where texts and items are unique there is one way. A history is explained if one way
explains it, and violated if none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, permutations, product

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import FAIL, OK
from tricord.check.list_orders import Assumed, appended_by, longest_reads
from tricord.check.transactions import Parsed, Value
from tricord.check.versions import Story, tell

WAYS = 2_000
"""How many ways are tried."""


def decide(parsed: Parsed, limits: Limits, judge: Callable[[Story, Limits], Finding]) -> Finding:
    """The verdict over all ways. ``judge`` gives that of a story."""
    findings: list[Finding] = []
    for assumed in islice(_ways(parsed), WAYS):
        story = tell(parsed, assumed)
        found = story if isinstance(story, Finding) else judge(story, limits)
        if found.verdict is Verdict.HOLDS:
            return found
        findings.append(found)
        if limits.expired():
            break
    unsure = next((one for one in findings if one.verdict is Verdict.UNDECIDED), None)
    if unsure is not None:
        return unsure
    if len(findings) == WAYS or limits.expired():
        reason = f"tried {len(findings)} ways to say which append wrote what, and none explains the history"
        return Finding(Verdict.UNDECIDED, reason)
    first = findings[0]
    if len(findings) > 1:
        first.operations = sorted({index for one in findings for index in one.operations})
        first.steps.append(f"{len(findings)} ways to say which append wrote what: none explains the history")
    return first


def _ways(parsed: Parsed) -> Iterator[Assumed]:
    for owners in _owners(parsed):
        for wholes, befores in _wholes(parsed):
            yield Assumed(wholes, befores, owners)


def _owners(parsed: Parsed) -> Iterator[dict[tuple[int, int], int]]:
    """Who appended the items that several transactions did."""
    taking_part = [one for one in parsed.transactions if one.status != FAIL]
    slots: list[list[tuple[int, int]]] = []
    orders: list[list[tuple[int, ...]]] = []
    longest = longest_reads(taking_part)
    appended = appended_by(parsed) if longest else {}
    for key, (items, _) in longest.items():
        places: dict[Value, list[tuple[int, int]]] = {}
        for place, item in enumerate(items):
            places.setdefault(item, []).append((key, place))
        for item, where in places.items():
            those = [p for p in appended.get((key, item), ()) if parsed.transactions[p].status != FAIL]
            if len(those) > 1 and len(where) <= len(those):
                slots.append(where)
                orders.append(list(dict.fromkeys(islice(permutations(those, len(where)), WAYS))))
    for way in product(*orders):
        yield {
            slot: who for where, those in zip(slots, way, strict=True) for slot, who in zip(where, those, strict=True)
        }


def _wholes(parsed: Parsed) -> Iterator[tuple[dict[int, Value], dict[int, tuple[Value, ...]]]]:
    """What appends of text wrote that do not say it; and what those were not appended to that wrote nothing known."""
    texts = _Texts(parsed)
    if not texts.open:
        yield {}, {}
        return
    texts.look()
    forced = texts.forced()
    rest = [place for place in texts.open if place not in forced and texts.made[place]]
    options = [[*texts.results(place), None] for place in rest]
    for way in product(*options):
        wholes = forced | {place: whole for place, whole in zip(rest, way, strict=True) if whole is not None}
        yield wholes, {place: texts.befores(place) for place in rest if place not in wholes}


class _Texts:
    """Texts that were read, and the appends that may have written them."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.open: dict[int, tuple[int, str]] = {}
        self.written: set[tuple[int, Value]] = set()
        self.by_text: dict[tuple[int, str], list[int]] = {}
        self.lengths: dict[int, set[int]] = {}
        for place, one in enumerate(parsed.transactions):
            if one.status == FAIL:
                continue
            self.written.update(one.writes.items())
            if one.suffix is not None:
                key, text = one.suffix
                self.open[place] = one.suffix
                self.by_text.setdefault((key, text), []).append(place)
                self.lengths.setdefault(key, set()).add(len(text))

    def look(self) -> None:
        """Which texts are read, or needed to build one that is."""
        self.read: set[tuple[int, Value]] = set()
        wanted: set[tuple[int, Value]] = set()
        for one in self.parsed.transactions:
            for read in one.reads:
                if read.key in self.lengths:
                    texts = {(read.key, value) for value in read.values if isinstance(value, str)}
                    wanted |= texts
                    if one.status == OK and read.equal and len(texts) == len(read.values):
                        self.read |= {(key, text) for key, text in texts if text}
        self.wanted: dict[tuple[int, Value], list[int]] = {}
        self.made: dict[int, list[str]] = {place: [] for place in self.open}
        todo = sorted(wanted)
        while todo:
            key, text = wish = todo.pop()
            if wish in self.wanted:
                continue
            self.wanted[wish] = self._writers(key, text)
            for place in self.wanted[wish]:
                self.made[place].append(text)
            todo += {(key, text[: len(text) - len(self.open[place][1])]) for place in self.wanted[wish]}

    def _writers(self, key: int, text: str) -> list[int]:
        """The appends that may have made this text."""
        found: list[int] = []
        for length in self.lengths[key]:
            if length <= len(text):
                found += self.by_text.get((key, text[len(text) - length :]), ())
        return sorted(found)

    def forced(self) -> dict[int, Value]:
        """Appends that alone can have written a text that was read."""
        found: dict[int, Value] = {}
        todo = sorted(self.read)
        while todo:
            wish = todo.pop()
            places = self.wanted[wish]
            if len(places) != 1 or wish in self.written or places[0] in found:
                continue
            key, text = wish
            found[places[0]] = text
            before = text[: len(text) - len(self.open[places[0]][1])]
            if before:
                todo.append((key, before))
        return found

    def results(self, place: int) -> list[str]:
        """What this append may have written, of what anybody read: what nobody else wrote first."""
        key = self.open[place][0]
        return sorted(self.made[place], key=lambda text: ((key, text) in self.written, len(text), text))

    def befores(self, place: int) -> tuple[Value, ...]:
        """What this append would have made a known text of."""
        length = len(self.open[place][1])
        found: list[Value] = [text[: len(text) - length] for text in self.made[place]]
        return (*found, None) if "" in found else tuple(found)
