# SPDX-License-Identifier: Apache-2.0
"""Messages of ``proto/etcd/header.proto``. Written by proto/generate.py: do not edit."""

from tricord.wire.schemas.pool import load

# fmt: off
DESCRIPTOR = load(b'\n\x11etcd/header.proto\x12\x0cetcdserverpb"\x85\x01\n\x0eResponseHeader\x12\x1d\n\ncluster_id\x18\x01 \x01(\x04R\tclusterId\x12\x1b\n\tmember_id\x18\x02 \x01(\x04R\x08memberId\x12\x1a\n\x08revision\x18\x03 \x01(\x03R\x08revision\x12\x1b\n\traft_term\x18\x04 \x01(\x04R\x08raftTermb\x06proto3', globals())  # noqa: E501
