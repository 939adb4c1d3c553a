# SPDX-License-Identifier: Apache-2.0
"""Causal keyspaces: each replica writes at once, and no write is seen before those that led to it. Pure
(docs/causal.md).

``replica.CausalReplica`` is one keyspace at one replica. After Lloyd, Freedman, Kaminsky, Andersen, "Don't Settle for
Eventual" (2011), and Ladin, Liskov, Shrira, Ghemawat, "Providing High Availability Using Lazy Replication" (1992).
"""
