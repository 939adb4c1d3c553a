# SPDX-License-Identifier: Apache-2.0
"""The guarantees of etcd's watch API, for each watch of a history (``watch_lines`` has the lines).

- *filtered*: it is told of its keys and kinds alone, and of nothing before its start.
- *ordered*, *unique*: revisions never go back; no change comes twice.
- *atomic*: the changes of one revision come in one response, or in fragments that say so.
- *reliable*, *resumable*: from its first revision to the last one told no known change is missing; so a watch from the
  revision after the last one told goes on where that one ended.
- *bookmarkable*: after a mark nothing of its revision or before comes.
- *previous values*: with ``prev_kv``, what was there before; it may be missing only where it was compacted away.
- All watches agree on what a change was, and every change is one that somebody wrote, and did not fail to.
- A watch ends as compacted only where what it should tell next may be gone, and nothing follows.

A change is known by the acknowledged write that gives its revision, or by another watch. Deletions may have no writer:
a lease that ends deletes too. The end of the history asks for nothing: what was not told yet may be under way.
"""

from __future__ import annotations

from bisect import bisect_left

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.watch_events import EventRules
from tricord.check.watch_lines import Event, Response, Watch, watches_of
from tricord.check.watch_truth import Change, Truth, truth_of


def check(history: History, limits: Limits) -> Finding:
    """Whether watchers were told what they are promised. Raises BadHistory."""
    del limits  # one pass
    watches = watches_of(history.operations)
    truth = truth_of(history, watches)
    rules = EventRules(history, truth)
    told = 0
    for watch in watches:
        finding = _Account(watch, truth, rules).judge()
        told += sum(len(response.events) for response in watch.responses)
        if finding is not None:
            finding.statistics = {"watches": len(watches), "changes": len(truth.changes)}
            return finding
    statistics = {"watches": len(watches), "changes": len(truth.changes), "told": told}
    return Finding(Verdict.HOLDS, "" if watches else "there is no watch in it", statistics=statistics)


class _Account:
    """One watch, response by response."""

    def __init__(self, watch: Watch, truth: Truth, rules: EventRules) -> None:
        self._watch = watch
        self._truth = truth
        self._rules = rules
        self._seen: dict[tuple[str, int, bool], int] = {}
        """What was told, and in which line."""
        self._to = 0
        """The newest revision told."""
        self._to_line = -1
        self._fragment = False
        self._marked, self._mark_line = 0, -1
        self._ended: Response | None = None

    def judge(self) -> Finding | None:
        """What is wrong with it first."""
        for response in self._watch.responses:
            finding = self._take(response)
            if finding is not None:
                return finding
        return self._missing()

    def _take(self, response: Response) -> Finding | None:
        if self._ended is not None:
            return self._wrong(
                "not ended", "it was told that it had ended, and is told more", self._ended.index, response
            )
        if response.compacted:
            self._ended = response
            due = max(self._to, self._marked) + 1 if self._to or self._marked else self._watch.first_due
            if due and response.compacted < due:
                words = f"it ended as compacted at {response.compacted}, but {due} is what it should tell next"
                return self._wrong("ended early", words, self._to_line, response)
            return None
        if response.events:
            finding = self._take_events(response)
            if finding is not None:
                return finding
            self._fragment = response.fragment
        elif not response.created and response.revision > self._marked:
            self._marked, self._mark_line = response.revision, response.index
        return None

    def _take_events(self, response: Response) -> Finding | None:
        before, line = self._to, self._to_line
        for event in response.events:
            place = event.key, event.mod_revision, event.is_put
            anomaly, words, earlier = self._out_of_place(event, before, line)
            if anomaly:
                name = f"the {event.type} of {event.key!r} at revision {event.mod_revision}"
                return self._wrong(anomaly, f"{name} {words}", earlier, response)
            finding = self._rules.judge(event, response, self._was_told if self._watch.wish.prev_kv else None)
            if finding is not None:
                return finding
            self._seen[place] = response.index
            self._to, self._to_line = event.mod_revision, response.index
        return None

    def _out_of_place(self, event: Event, before: int, line: int) -> tuple[str, str, int]:
        """An anomaly, words, and the line that it contradicts. ``before`` was told by earlier responses, the last of
        which is ``line``."""
        revision, place = event.mod_revision, (event.key, event.mod_revision, event.is_put)
        if place in self._seen:
            return "told twice", "is told twice", self._seen[place]
        if revision < self._to:
            return "out of order", f"comes after revision {self._to}", self._to_line
        if revision <= self._marked:
            return "behind a mark", f"comes after the mark of {self._marked}", self._mark_line
        if revision == before and not self._fragment:
            return "split revision", "comes in another response than the rest of its revision", line
        if revision < self._watch.first_due:
            return "before its start", f"is before {self._watch.first_due}, where the watch begins", -1
        if not self._watch.asked_for(event.key, event.is_put):
            return "not asked for", "is not what the watch asks for", -1
        return "", "", -1

    def _was_told(self, change: Change) -> bool:
        return not self._watch.wish.filters and (change.key, change.revision, change.is_put) in self._seen

    def _missing(self) -> Finding | None:
        """A known change between the first that is due and the last revision told or marked."""
        first = self._watch.first_due or min((revision for _, revision, _ in self._seen), default=0)
        last = max(self._to - (1 if self._fragment else 0), self._marked)
        changes = self._truth.changes
        if not first:
            return None
        for place in range(bisect_left(changes, first, key=lambda change: change.revision), len(changes)):
            change = changes[place]
            if change.revision > last:
                return None
            told = (change.key, change.revision, change.is_put) in self._seen
            if not told and self._watch.asked_for(change.key, change.is_put):
                return self._gap(change)
        return None

    def _gap(self, change: Change) -> Finding:
        kind = "put" if change.is_put else "delete"
        words = f"the {kind} of {change.key!r} at revision {change.revision} is missing"
        lines = [self._seen[place] for place in self._seen if place[1] >= change.revision]
        after = min(lines, default=self._mark_line)
        before = max((line for place, line in self._seen.items() if place[1] < change.revision), default=-1)
        same = any(place[1] == change.revision for place in self._seen)
        name = "not atomic" if same else "gap"
        steps = [f"#{change.source} says that there was that change."]
        if before >= 0:
            steps.append(f"#{before} is the last response before it.")
        steps.append(f"#{after} tells of a revision at or after it, and it was not told by then or later.")
        return self._finding(name, words, steps, change.source, before, after)

    def _wrong(self, anomaly: str, words: str, earlier: int, response: Response) -> Finding:
        steps = [f"#{earlier} came before."] if earlier >= 0 and earlier != response.index else []
        return self._finding(anomaly, words, [*steps, f"#{response.index}: {words}."], earlier, response.index)

    def _finding(self, anomaly: str, words: str, steps: list[str], *lines: int) -> Finding:
        reason = f"client {self._watch.client} watches {self._watch.key!r}: {words}"
        return Finding(Verdict.VIOLATED, reason, steps, sorted({line for line in lines if line >= 0}), anomaly)
