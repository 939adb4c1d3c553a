# SPDX-License-Identifier: Apache-2.0
"""The wide net: whole members and clients, unmodified, in one process on a virtual-time loop.

``run(plan)`` plays a plan. The same hosts stand behind the pytest plugin (docs/testing.md).
"""

from __future__ import annotations

from tricord.sim.wide.running import run

__all__ = ["run"]
