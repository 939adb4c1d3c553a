# SPDX-License-Identifier: Apache-2.0
"""Messages of ``proto/tricord/lease_expiry.proto``. Written by proto/generate.py: do not edit."""

from tricord.wire.schemas.pool import load

# fmt: off
DESCRIPTOR = load(b'\n\x1atricord/lease_expiry.proto\x12\ntricord.v1"&\n\x12LeaseExpireRequest\x12\x10\n\x03ids\x18\x01 \x03(\x03R\x03idsb\x06proto3', globals())  # noqa: E501
