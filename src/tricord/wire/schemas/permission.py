# SPDX-License-Identifier: Apache-2.0
"""Messages of ``proto/etcd/permission.proto``. Written by proto/generate.py: do not edit."""

from tricord.wire.schemas.pool import load

# fmt: off
DESCRIPTOR = load(b'\n\x15etcd/permission.proto\x12\x06authpb"1\n\x0eUserAddOptions\x12\x1f\n\x0bno_password\x18\x01 \x01(\x08R\nnoPassword"~\n\x04User\x12\x12\n\x04name\x18\x01 \x01(\x0cR\x04name\x12\x1a\n\x08password\x18\x02 \x01(\x0cR\x08password\x12\x14\n\x05roles\x18\x03 \x03(\tR\x05roles\x120\n\x07options\x18\x04 \x01(\x0b2\x16.authpb.UserAddOptionsR\x07options"\x9c\x01\n\nPermission\x123\n\x08permType\x18\x01 \x01(\x0e2\x17.authpb.Permission.TypeR\x08permType\x12\x10\n\x03key\x18\x02 \x01(\x0cR\x03key\x12\x1b\n\trange_end\x18\x03 \x01(\x0cR\x08rangeEnd"*\n\x04Type\x12\x08\n\x04READ\x10\x00\x12\t\n\x05WRITE\x10\x01\x12\r\n\tREADWRITE\x10\x02"T\n\x04Role\x12\x12\n\x04name\x18\x01 \x01(\x0cR\x04name\x128\n\rkeyPermission\x18\x02 \x03(\x0b2\x12.authpb.PermissionR\rkeyPermissionb\x06proto3', globals())  # noqa: E501
