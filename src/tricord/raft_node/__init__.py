# SPDX-License-Identifier: Apache-2.0
"""Raft for those who embed it: a node with its own log, stores, state machine and transport, on asyncio or blocking."""

from tricord.raft_node.blocking import BlockingNode
from tricord.raft_node.cluster_recovery import RecoveryReport, recover_cluster
from tricord.raft_node.config import NodeConfig, member_number
from tricord.raft_node.disk_stores import open_disk_stores
from tricord.raft_node.members import Member, Suffrage
from tricord.raft_node.memory_stores import memory_stores
from tricord.raft_node.memory_transport import MemoryNetwork
from tricord.raft_node.node import Node, NodeStats
from tricord.raft_node.observers import (
    LeaderChanged,
    MembersChanged,
    NodeFailed,
    Observation,
    PeerUnreachable,
    RoleChanged,
    SnapshotDamaged,
    SnapshotReceived,
    SnapshotTaken,
)
from tricord.raft_node.outcomes import Committed, Outcome, Rejected, Unknown
from tricord.raft_node.replicated import Replicated
from tricord.raft_node.replicated_dict import ReplicatedDict
from tricord.raft_node.state_machine import Capturing, FunctionStateMachine, StateMachine
from tricord.raft_node.stores import (
    LogStore,
    SnapshotInfo,
    SnapshotSink,
    SnapshotStore,
    StableStore,
    StoredSnapshot,
    Stores,
)
from tricord.raft_node.tcp_transport import PeerTls, TcpTransport
from tricord.raft_node.transport import IncomingSnapshot, LocalNode, Peers, Transport

__all__ = [
    "BlockingNode",
    "Capturing",
    "Committed",
    "FunctionStateMachine",
    "IncomingSnapshot",
    "LeaderChanged",
    "LocalNode",
    "LogStore",
    "Member",
    "MembersChanged",
    "MemoryNetwork",
    "Node",
    "NodeConfig",
    "NodeFailed",
    "NodeStats",
    "Observation",
    "Outcome",
    "PeerTls",
    "PeerUnreachable",
    "Peers",
    "RecoveryReport",
    "Rejected",
    "Replicated",
    "ReplicatedDict",
    "RoleChanged",
    "SnapshotDamaged",
    "SnapshotInfo",
    "SnapshotReceived",
    "SnapshotSink",
    "SnapshotStore",
    "SnapshotTaken",
    "StableStore",
    "StateMachine",
    "StoredSnapshot",
    "Stores",
    "Suffrage",
    "TcpTransport",
    "Transport",
    "Unknown",
    "member_number",
    "memory_stores",
    "open_disk_stores",
    "recover_cluster",
]
