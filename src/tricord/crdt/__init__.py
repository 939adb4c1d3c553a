# SPDX-License-Identifier: Apache-2.0
"""Types of values that replicas change at the same time and merge: pure, one file per type (docs/types.md).

After Almeida, Shoker, Baquero, "Delta State Replicated Data Types" (2018): dot stores, and one causal context for all
keys of a replica's keyspace (docs/decisions/0020-one-context-per-replica.md).
"""
