# SPDX-License-Identifier: Apache-2.0
"""How a cluster begins: each of its first members writes the same configuration, as a snapshot at index 0."""

from __future__ import annotations

from tricord.base.errors import ConfigurationError
from tricord.base.membership import Configuration
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.members import configuration_of
from tricord.raft_node.stores import SnapshotInfo, Stores


def initial_configuration(config: NodeConfig) -> Configuration:
    """The one that the settings name. Raises ConfigurationError."""
    try:
        return configuration_of(config.cluster, config.addresses or {config.local_id: ""})
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def write_configuration(stores: Stores, configuration: Configuration) -> None:
    """Make it durable, in stores that hold nothing. Raises StorageError."""
    assert stores.log.last_index == 0 and not stores.snapshots.indexes(), "a cluster begins with nothing"
    sink = stores.snapshots.create(SnapshotInfo(0, 0, configuration, kept_from=1))
    try:
        sink.commit()
    finally:
        sink.abandon()
