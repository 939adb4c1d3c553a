# SPDX-License-Identifier: Apache-2.0
"""The nets by name. A net is imported when it is to run, since it brings whole members with it."""

from __future__ import annotations

import traceback
from importlib import import_module
from typing import cast

from tricord.sim.fault_kinds import FINE, WIDE
from tricord.sim.outcome import Outcome, Run, Violation
from tricord.sim.plan import Plan

NETS = {FINE: "tricord.sim.fine:run", WIDE: "tricord.sim.wide:run"}
"""Where each net's run is: ``module:function``."""


def run_named(name: str) -> Run:
    """The run at ``module:function``. What it raises becomes a violation: a broken assertion of the product."""
    module, _, function = name.partition(":")
    run = cast(Run, getattr(import_module(module), function))

    def guarded(plan: Plan) -> Outcome:
        try:
            return run(plan)
        except Exception as error:
            return Outcome(plan, violations=[Violation("invariant", 0.0, _told(error))])

    return guarded


def run_of(net: str) -> Run:
    """The run of a net."""
    return run_named(NETS[net])


def _told(error: Exception) -> str:
    """The error and the innermost places that it came from."""
    lines = [f"{type(error).__name__}: {error}"]
    for place in traceback.extract_tb(error.__traceback__)[-6:]:
        file = place.filename.rpartition("/tricord/")[2]
        lines.append(f"  {file}:{place.lineno} {place.name}: {place.line}")
    return "\n".join(lines)
