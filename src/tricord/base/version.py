# SPDX-License-Identifier: Apache-2.0
"""Which etcd a member presents itself as. Tools read these and switch features by them."""

from __future__ import annotations

ETCD_VERSION = "3.6.16"
"""What Status, MemberList's peers, ``/version`` and the metrics call the server version."""

ETCD_CLUSTER_VERSION = "3.6.0"
"""The version that all members agree on."""

ETCD_STORAGE_VERSION = "3.6.0"
"""The version of the storage schema."""
