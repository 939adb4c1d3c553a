# SPDX-License-Identifier: Apache-2.0
"""What a request's header block means to gRPC: the method, the metadata, or why it is refused.

The texts of refusals are those of grpc-go, which people search for.
"""

from __future__ import annotations

from typing import Any, cast

from tricord.wire.grpc.messages import ENCODINGS
from tricord.wire.grpc.metadata import EMPTY, decode_metadata
from tricord.wire.grpc.service import Method, MethodCounts, Registry
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.header_validation import HeaderBlock

_UNCOUNTED = MethodCounts()
"""Of requests that are refused: they never become calls."""


class CallHead:
    """What a request's header block means to gRPC, worked out once a block."""

    __slots__ = (
        "answering",
        "counts",
        "encoding",
        "handler",
        "http_status",
        "metadata",
        "method",
        "status",
        "text",
        "unary",
    )

    def __init__(self, block: HeaderBlock, registry: Registry) -> None:
        self.method: Method | None = None
        self.handler: Any = None
        self.counts = _UNCOUNTED
        self.unary = self.answering = False
        self.metadata = EMPTY
        self.encoding = b""
        self.http_status = b"200"
        self.status = Status.OK
        self.text = ""
        try:
            self._read(block, registry)
        except GrpcError as error:
            self.status = cast(Status, error.status)
            self.text = error.text

    def _read(self, block: HeaderBlock, registry: Registry) -> None:
        content_type = block.value(b"content-type") or b""
        if not is_grpc(content_type):
            self.http_status = b"415"
            shown = content_type[:128].decode("latin-1")
            raise GrpcError(Status.UNKNOWN, f'invalid gRPC request content-type "{shown}"')
        if block.method != b"POST":
            self.http_status = b"405"
            shown = block.method[:32].decode("latin-1")
            raise GrpcError(Status.INTERNAL, f'Received a HEADERS frame with :method "{shown}" which should be POST')
        try:
            self.metadata = decode_metadata(block.fields)
        except ValueError as error:
            raise GrpcError(Status.INTERNAL, f"malformed binary metadata: {error}") from None
        self.encoding = block.value(b"grpc-encoding") or b""
        if self.encoding not in ENCODINGS:
            shown = self.encoding[:32].decode("latin-1")
            text = f'grpc: Decompressor is not installed for grpc-encoding "{shown}"'
            raise GrpcError(Status.UNIMPLEMENTED, text)
        method = registry.methods.get(block.path)
        if method is None:
            raise GrpcError(Status.UNIMPLEMENTED, registry.refusal(block.path))
        self.method = method
        self.handler = method.handler
        self.counts = method.counts
        self.unary = not (method.client_streaming or method.server_streaming)
        self.answering = method.answering is not None


def is_grpc(content_type: bytes) -> bool:
    """application/grpc, alone or followed by + or ; and what the codec is."""
    if content_type[:16].lower() != b"application/grpc":
        return False
    return content_type[16:17] in (b"", b"+", b";")
