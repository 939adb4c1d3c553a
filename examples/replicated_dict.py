# SPDX-License-Identifier: Apache-2.0
"""A dictionary that several processes share. Start each of them, in any order, each with its own name first:

    python examples/replicated_dict.py a DIR a=127.0.0.1:7101 b=127.0.0.1:7102 c=127.0.0.1:7103

Then type ``KEY VALUE`` to write, ``KEY`` to read. Any one of three may be killed, and started again.
"""

import sys

from tricord.raft_node import NodeConfig, ReplicatedDict

name, folder, *nodes = sys.argv[1:]
addresses = dict(node.split("=") for node in nodes)

with ReplicatedDict(NodeConfig(name, addresses), f"{folder}/{name}") as shared:
    for line in sys.stdin:
        key, *value = line.split()
        if value:
            shared[key] = value[0]
        print(key, "is", shared.get(key), flush=True)
