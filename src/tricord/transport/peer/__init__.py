# SPDX-License-Identifier: Apache-2.0
"""Links between members: Raft's messages as bytes, connections by lane, snapshots in bulk."""
