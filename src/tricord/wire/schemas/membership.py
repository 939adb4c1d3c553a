# SPDX-License-Identifier: Apache-2.0
"""Messages of ``proto/tricord/membership.proto``. Written by proto/generate.py: do not edit."""

from tricord.wire.schemas.pool import load

# fmt: off
DESCRIPTOR = load(b'\n\x18tricord/membership.proto\x12\ntricord.v1"\x11\n\x0fDescribeRequest",\n\x10DescribeResponse\x12\x18\n\x07version\x18\x01 \x01(\tR\x07version"4\n\x0eReplaceRequest\x12\x10\n\x03old\x18\x01 \x01(\x04R\x03old\x12\x10\n\x03new\x18\x02 \x01(\x04R\x03new"\x11\n\x0fReplaceResponse2\x97\x01\n\nMembership\x12E\n\x08Describe\x12\x1b.tricord.v1.DescribeRequest\x1a\x1c.tricord.v1.DescribeResponse\x12B\n\x07Replace\x12\x1a.tricord.v1.ReplaceRequest\x1a\x1b.tricord.v1.ReplaceResponseb\x06proto3', globals())  # noqa: E501
