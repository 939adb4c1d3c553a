# SPDX-License-Identifier: Apache-2.0
"""Raft for those who embed it: a node with its own log, stores, state machine and transport, on asyncio or blocking."""

from tricord.raft_node.blocking import BlockingNode
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.disk_stores import open_disk_stores
from tricord.raft_node.memory_stores import memory_stores
from tricord.raft_node.memory_transport import MemoryNetwork
from tricord.raft_node.node import Node, NodeStats
from tricord.raft_node.state_machine import FunctionStateMachine, StateMachine
from tricord.raft_node.stores import LogStore, Snapshot, SnapshotStore, StableStore, Stores
from tricord.raft_node.transport import Transport

__all__ = [
    "BlockingNode",
    "FunctionStateMachine",
    "LogStore",
    "MemoryNetwork",
    "Node",
    "NodeConfig",
    "NodeStats",
    "Snapshot",
    "SnapshotStore",
    "StableStore",
    "StateMachine",
    "Stores",
    "Transport",
    "memory_stores",
    "open_disk_stores",
]
