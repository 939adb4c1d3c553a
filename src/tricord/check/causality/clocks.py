# SPDX-License-Identifier: Apache-2.0
"""Which events came causally before each other.

``clocks_of`` says of each event which others came before it: by *track*, the number of the last event seen. A track is
a client's row; unknown operations that some read proves to have happened share further tracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tricord.check.causality.order import TooMuch
from tricord.check.causality.reads_from import Numbers, Trace

MEMORY = 1_500_000_000
"""Bytes that clocks may take."""


@dataclass(slots=True)
class Clocks:
    """What each event had before it. ``rows[row[event], track]`` is a position; of its own track it is ``position``."""

    rows: Numbers
    row: Numbers
    track: Numbers
    """-1 of what is not active."""
    position: Numbers
    """From 1, along the track."""

    def before(self, one: int, other: int) -> bool:
        """Whether ``one`` comes causally before ``other``."""
        track = self.track[one]
        if track == self.track[other]:
            return bool(self.position[one] < self.position[other])
        return bool(self.rows[self.row[other], track] >= self.position[one])

    def each_before(self, ones: Numbers, others: Numbers) -> npt.NDArray[np.bool_]:
        """As ``before``, of pairs."""
        tracks, positions = self.track[ones], self.position[ones]
        found: npt.NDArray[np.bool_] = np.where(
            tracks == self.track[others],
            positions < self.position[others],
            self.rows[self.row[others], tracks] >= positions,
        )
        return found

    def bounds(self, events: Numbers) -> Numbers:
        """A row for each of the events: by track, the last position at or before it."""
        found: Numbers = self.rows[self.row[events]]
        found[np.arange(len(events)), self.track[events]] = self.position[events]
        return found


class Clockwork:
    """Gives events their tracks, positions and clocks, one after the other in causal order."""

    def __init__(self, trace: Trace, source: list[int], active: npt.NDArray[np.bool_], spare: int = 0) -> None:
        """``spare``: how many more events than the active ones that have a source may need rows of their own."""
        self.trace, self.source = trace, source
        self.sessions = len(trace.events.sessions)
        self.track = [-1] * len(source)
        self.position = [0] * len(source)
        self.row = [0] * (len(source) + 1)
        """By event; one more, of nothing."""
        numbers, counts = np.unique(trace.branch[active & (trace.branch >= 0)], return_counts=True)
        self.left = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        """Of a branch: how many of its events are not placed yet."""
        self.lengths = [0] * self.sessions
        self.owners = [-1] * self.sessions
        joins = int((active & (np.array(source, np.int32) >= 0)).sum())
        self.rows = np.zeros((joins + len(numbers) + spare + 1, self.sessions + min(len(numbers), 16)), np.int32)
        self.fresh = 1
        self._allowed()

    def _allowed(self) -> None:
        if self.rows.nbytes > MEMORY:
            raise TooMuch(f"clocks of {len(self.track)} events on {self.rows.shape[1]} tracks")

    def visit(self, event: int) -> None:
        before = self.trace.previous[event]
        now = self.row[before] if before >= 0 else 0
        branch = self.trace.events.branch[event]
        if branch < 0:
            mine = self.trace.events.session[event]
        else:
            if before >= 0 and self.trace.events.branch[before] == branch:
                mine = self.track[before]
            else:
                now, mine = self._begin(branch, before, now)
            self.left[branch] -= 1
        cause = self.source[event]
        if cause >= 0:
            now = self._join(now, mine, cause)
        self.row[event] = now
        self.lengths[mine] += 1
        self.track[event] = mine
        self.position[event] = self.lengths[mine]

    def run(self, order: list[int]) -> Clocks:
        """Visits all, and quicker: what is in a session's row has its place beforehand, and shares the clock of the
        last event there that read."""
        tracks, positions, by_track = self._places()
        if self.left:
            self.track, self.position = tracks.tolist(), positions.tolist()
        steps = self._steps(order, tracks)
        whose = self._whose(steps, tracks, by_track)
        causes = np.array(self.source, np.int32)[steps]
        known = np.maximum(causes, 0)
        columns = steps, tracks[steps], causes, tracks[known], positions[known], whose[known]
        row, previous, maximum = self.row, self.trace.previous, np.maximum
        now = [0] * self.sessions
        rows, width, flat = self._rows()
        for event, mine, cause, its, place, clock in zip(*(column.tolist() for column in columns), strict=True):
            if mine < 0:
                for other in (previous[event], cause):
                    if other >= 0:
                        row[other] = row[whose[other]]
                self.visit(event)
                rows, width, flat = self._rows()
                continue
            if its < 0:
                its, place = self.track[cause], self.position[cause]
            mine_now = now[mine]
            if flat[mine_now * width + its] < place:
                fresh = self.fresh
                maximum(rows[mine_now], rows[row[clock]], out=rows[fresh])
                flat[fresh * width + its] = place
                now[mine] = mine_now = fresh
                self.fresh = fresh + 1
            row[event] = mine_now
        return Clocks(
            self.rows[:, : len(self.lengths)],
            np.array(row, np.int32)[whose],
            np.array(self.track, np.int32) if self.left else tracks,
            np.array(self.position, np.int32) if self.left else positions,
        )

    def _rows(self) -> tuple[npt.NDArray[np.int32], int, memoryview]:
        """The clocks, the length of one, and all their numbers in a row."""
        return self.rows, self.rows.shape[1], self.rows.reshape(-1).data

    def _steps(self, order: list[int], tracks: Numbers) -> Numbers:
        """The events that may learn something: reads of what another client wrote, and what is in branches."""
        events = np.array(order, np.int32)
        causes = np.array(self.source, np.int32)[events]
        learns = (causes >= 0) & (tracks[np.maximum(causes, 0)] != tracks[events])
        steps: Numbers = events[learns | (tracks[events] < 0)]
        return steps

    def _whose(self, steps: Numbers, tracks: Numbers, by_track: Numbers) -> Numbers:
        """By event, whose clock it has: its own, or that of the step before it in its session; else the last's."""
        total = len(tracks)
        whose = np.arange(total + 1, dtype=np.int32)
        step = np.zeros(total, np.bool_)
        step[steps] = True
        places = np.where(step[by_track], np.arange(len(by_track)), -1)
        last = np.maximum.accumulate(places) if len(places) else places
        found = by_track[last]
        same = (last >= 0) & (tracks[found] == tracks[by_track])
        whose[by_track] = np.where(same, found, total)
        return whose

    def _places(self) -> tuple[Numbers, Numbers, Numbers]:
        """Tracks and positions of the sessions' own events (of others -1 and 0), and these events by session."""
        sessions = np.where(self.trace.branch < 0, self.trace.session, np.int32(-1))
        by_track = np.argsort(sessions, kind="stable")[int((sessions < 0).sum()) :].astype(np.int32)
        counts = np.bincount(sessions[by_track], minlength=self.sessions)
        places = np.zeros(len(sessions), np.int32)
        places[by_track] = np.arange(1, len(by_track) + 1) - np.repeat(np.cumsum(counts) - counts, counts)
        self.lengths = counts.tolist()
        return sessions, places, by_track

    def _join(self, now: int, mine: int, cause: int) -> int:
        its, place, rows = self.track[cause], self.position[cause], self.rows
        if its == mine or rows[now, its] >= place:
            return now
        fresh = self.fresh
        np.maximum(rows[now], rows[self.row[cause]], out=rows[fresh])
        rows[fresh, its] = place
        self.fresh = fresh + 1
        return fresh

    def _begin(self, branch: int, before: int, now: int) -> tuple[int, int]:
        """The clock at the start of a branch, and a track whose last event it has seen, or a new one."""
        if before >= 0:
            self.rows[self.fresh] = self.rows[now]
            self.rows[self.fresh, self.track[before]] = self.position[before]
            now = self.fresh
            self.fresh += 1
        clock = self.rows[now]
        for track in range(self.sessions, len(self.lengths)):
            if clock[track] == self.lengths[track] and not self.left[self.owners[track]]:
                self.owners[track] = branch
                return now, track
        self.lengths.append(0)
        self.owners.append(branch)
        if len(self.lengths) > self.rows.shape[1]:
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)], axis=1)
            self._allowed()
        return now, len(self.lengths) - 1


def clocks_of(trace: Trace, source: list[int], active: npt.NDArray[np.bool_], order: list[int]) -> Clocks:
    """Raises TooMuch."""
    return Clockwork(trace, source, active).run(order)
