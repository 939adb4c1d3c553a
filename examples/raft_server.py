# SPDX-License-Identifier: Apache-2.0
"""A replicated log of one server, in memory or on disk: ``python examples/raft_server.py [DIR]`` prints ``test``."""

import sys
from typing import BinaryIO

from tricord.raft_node import BlockingNode, FunctionStateMachine, NodeConfig

commands: list[bytes] = []


def write_snapshot(stream: BinaryIO) -> None:
    stream.write(b"\n".join(commands))


def read_snapshot(stream: BinaryIO) -> None:
    commands[:] = stream.read().splitlines()


machine = FunctionStateMachine(apply=commands.append, write_snapshot=write_snapshot, read_snapshot=read_snapshot)
node = BlockingNode(NodeConfig("server1"), machine, *sys.argv[1:])
node.start()
node.apply(b"test")
print(node.get_log(node.last_index()).data.decode())
node.shutdown()
