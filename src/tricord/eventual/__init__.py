# SPDX-License-Identifier: Apache-2.0
"""Replication without agreement of one keyspace at one replica, as a pure core (docs/eventual.md).

``EventualReplica.turn(Input) -> Output``: writes are answered here, deltas are sent to peers at once, and what they
missed is found by digests over ranges of keys and repaired.
"""
