# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 (RFC 9113) without IO: bytes in become events, frames to send become bytes. See ``connection``."""
