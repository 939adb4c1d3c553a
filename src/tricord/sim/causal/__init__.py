# SPDX-License-Identifier: Apache-2.0
"""The causal net: replicas of one causal keyspace, with twins of disks and a network that loses, doubles and delays.

``run(plan)`` is all there is. The seed draws the trouble too; a plan's faults are not looked at.
"""

from tricord.sim.causal.course import run

__all__ = ["run"]
