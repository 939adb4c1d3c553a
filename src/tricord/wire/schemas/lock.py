# SPDX-License-Identifier: Apache-2.0
"""Messages of ``proto/etcd/lock.proto``. Written by proto/generate.py: do not edit."""

from tricord.wire.schemas import header
from tricord.wire.schemas.pool import load

# fmt: off
DESCRIPTOR = load(b'\n\x0fetcd/lock.proto\x12\x08v3lockpb\x1a\x11etcd/header.proto"7\n\x0bLockRequest\x12\x12\n\x04name\x18\x01 \x01(\x0cR\x04name\x12\x14\n\x05lease\x18\x02 \x01(\x03R\x05lease"V\n\x0cLockResponse\x124\n\x06header\x18\x01 \x01(\x0b2\x1c.etcdserverpb.ResponseHeaderR\x06header\x12\x10\n\x03key\x18\x02 \x01(\x0cR\x03key"!\n\rUnlockRequest\x12\x10\n\x03key\x18\x01 \x01(\x0cR\x03key"F\n\x0eUnlockResponse\x124\n\x06header\x18\x01 \x01(\x0b2\x1c.etcdserverpb.ResponseHeaderR\x06header2z\n\x04Lock\x125\n\x04Lock\x12\x15.v3lockpb.LockRequest\x1a\x16.v3lockpb.LockResponse\x12;\n\x06Unlock\x12\x17.v3lockpb.UnlockRequest\x1a\x18.v3lockpb.UnlockResponseb\x06proto3', globals(), header.DESCRIPTOR)  # noqa: E501
