# SPDX-License-Identifier: Apache-2.0
"""``tricord sim kinds``: the catalogue of faults, and the proof that each works."""

from __future__ import annotations

from collections.abc import Sequence

from tricord.cli.output import write_line, write_rows
from tricord.cli.sim_reporting import last_line
from tricord.sim.fault_kinds import KINDS, Kind, kinds_of
from tricord.sim.proof import prove


def list_kinds(nets: Sequence[str]) -> int:
    """A row for each kind on one of the nets."""
    rows = [
        (kind.name, kind.family.value, " ".join(sorted(kind.nets)), kind.targets.value, *_ranges(kind), kind.words)
        for kind in KINDS.values()
        if kind.nets & set(nets)
    ]
    write_rows(("kind", "family", "nets", "for", "seconds", "amount", "what happens"), rows)
    last_line({"kinds": len(rows)})
    return 0


def _ranges(kind: Kind) -> tuple[str, str]:
    seconds = "{:g} to {:g}".format(*kind.seconds) if kind.seconds else "-"
    amount = "{:g} to {:g}: ".format(*kind.amount) + kind.amount_means if kind.amount else "-"
    return seconds, amount


def prove_kinds(nets: Sequence[str]) -> int:
    """A row for each kind and net, as soon as it is proved."""
    bad: list[str] = []
    count = 0
    for net in nets:
        for kind in kinds_of(net):
            proof = prove(kind, net)
            count += 1
            violated = [violation.checker for violation in proof.outcome.violations]
            if violated or not proof.fired:
                bad.append(f"{net} {kind.name}")
            found = f"violated {violated[0]}" if violated else "fired" if proof.fired else "NEVER FIRED"
            write_line((net, kind.name, f"seed {proof.outcome.plan.seed}", f"{proof.fired} times", found))
    last_line({"verdict": "failed" if bad else "ok", "proved": count - len(bad), "not_proved": bad})
    return 1 if bad else 0
