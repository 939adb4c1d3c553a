# SPDX-License-Identifier: Apache-2.0
"""etcd's protobuf messages <-> the records of ``base.operations``, both ways.

Doors, clients and the state machine use them.
"""
