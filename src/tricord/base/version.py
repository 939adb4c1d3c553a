# SPDX-License-Identifier: Apache-2.0
"""Which tricord this is, and which etcd it presents itself as. Tools read the latter and switch features by it."""

from __future__ import annotations

__version__ = "0.1.0"
"""Of tricord; the package's metadata take it from here."""

ETCD_VERSION = "3.6.16"
"""What Status, MemberList's peers, ``/version`` and the metrics call the server version."""

ETCD_CLUSTER_VERSION = "3.6.0"
"""The version that all members agree on."""

ETCD_STORAGE_VERSION = "3.6.0"
"""The version of the storage schema."""
