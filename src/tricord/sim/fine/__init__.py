# SPDX-License-Identifier: Apache-2.0
"""The fine net: replica cores, state machines and twins of disks around one schedule, without asyncio.

``run(plan)`` is all there is. One seed is one run, bit for bit; thousands of turns a second make days of trouble cheap.
"""

from tricord.sim.fine.course import run

__all__ = ["run"]
