# SPDX-License-Identifier: Apache-2.0
"""Bounds of plain HTTP. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """For requests over HTTP/1.1; the body's limit holds over HTTP/2 as well."""

    max_header_size: int = 32_768
    """Target and header fields together; more is answered 431."""
    max_body_size: int = 4 << 20
    """More is answered 413. A JSON request holds its bytes in base64, so this is above the largest gRPC message."""
    max_pipelined: int = 64
    """Requests that wait for the answer of an earlier one; reading pauses at that many."""
