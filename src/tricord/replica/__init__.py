# SPDX-License-Identifier: Apache-2.0
"""Raft and the state machine as one pure thing: ``Replica.turn(TurnInput) -> TurnOutput``."""

from tricord.replica.config import ReplicaConfig
from tricord.replica.machine import AppliesEntries
from tricord.replica.replica import Replica
from tricord.replica.turn import TurnInput, TurnOutput

__all__ = ["AppliesEntries", "Replica", "ReplicaConfig", "TurnInput", "TurnOutput"]
