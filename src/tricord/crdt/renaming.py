# SPDX-License-Identifier: Apache-2.0
"""Giving writes new names: what a replica that was retired never sent goes out again under its new id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tricord.base.dots import Dot
from tricord.crdt.cell import ENTRIES, FIELDS, Cell, Delta, Entries


def renamed_delta(delta: Delta, names: Mapping[Dot, Dot]) -> Delta:
    """The delta with the dots in ``names`` under their new names, in its entries and in what it replaces.

    What it replaces of others, and of its own origin's that were sent, keeps its name. A counter's total goes with its
    entry, and replaces the totals that it contains: nothing is counted twice.
    """
    return Delta(renamed_cell(delta.cell, names), frozenset(names.get(dot, dot) for dot in delta.dots))


def renamed_cell(cell: Cell, names: Mapping[Dot, Dot]) -> Cell:
    """The cell with its entries under their new names."""
    return {tag: _renamed_store(tag & 3, store, names) for tag, store in cell.items()}


def _renamed_store(shape: int, store: Any, names: Mapping[Dot, Dot]) -> Any:
    if shape == ENTRIES:
        return _renamed_entries(store, names)
    if shape == FIELDS:
        return {name: _renamed_entries(entries, names) for name, entries in store.items()}
    return {name: renamed_cell(inner, names) for name, inner in store.items()}


def _renamed_entries(entries: Entries, names: Mapping[Dot, Dot]) -> Entries:
    return {names.get(dot, dot): entry for dot, entry in entries.items()}
