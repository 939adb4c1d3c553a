# SPDX-License-Identifier: Apache-2.0
"""The real outside worlds: clock, randomness, disk, network, tasks and lanes, gathered into one Environment.

Nothing here imports what exists on one platform only before it is used.
"""

from tricord.runtime.environment import close_environment, new_event_loop, open_environment, run

__all__ = ["close_environment", "new_event_loop", "open_environment", "run"]
