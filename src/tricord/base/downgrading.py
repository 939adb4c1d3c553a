# SPDX-License-Identifier: Apache-2.0
"""The mark that says that the cluster is meant to go back to an older version of etcd.

tricord's data directory is none of etcd's, so the mark is all there is to it: etcd's tools set it, read it and take it
away as they do on etcd.
"""

from __future__ import annotations

from tricord.base.message import message


@message
class DowngradeChange:
    """Set the mark, a version such as ``3.5.0``, or take it away (empty)."""

    target: str


@message
class DowngradeChangeResult:
    """Nothing to say but that it is done."""
