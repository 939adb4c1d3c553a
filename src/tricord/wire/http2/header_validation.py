# SPDX-License-Identifier: Apache-2.0
"""What a well-formed header list is (RFC 9113, sections 8.1 to 8.3), decided once for each decoded block.

A block that breaks a rule is kept with the rule it broke (``problem``): the stream is reset, the connection lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Field = tuple[bytes, bytes]

_CONNECTION_FIELDS = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")
_BAD_VALUE = re.compile(rb"[\x00\r\n]")
_REQUEST_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))


class Derived:
    """What the layer above made of a header list."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: object = None


class HeaderBlock:
    """One decoded header list. Shared by all requests that sent the same fields: treat it as frozen.

    ``derived.value`` is for the layer above: what it put there is found again with the same list, whatever its timeout.
    """

    __slots__ = (
        "authority",
        "content_length",
        "derived",
        "fields",
        "method",
        "path",
        "problem",
        "scheme",
        "size",
        "status",
        "timeout",
        "trailer_problem",
    )

    def __init__(self, fields: Iterable[Field], timeout: bytes | None = None) -> None:
        self.fields: list[Field] = []
        """The regular fields, in order, but grpc-timeout."""
        self.timeout = timeout
        """The value of grpc-timeout: it differs from call to call, when nothing else does."""
        self.method = b""
        self.scheme = b""
        self.path = b""
        self.authority = b""
        self.status = 0
        self.content_length = -1
        self.size = 0
        self.derived = Derived()
        self.problem = ""
        self.trailer_problem = ""
        self._read(fields)

    @property
    def application(self) -> object:
        """``derived.value``."""
        return self.derived.value

    @application.setter
    def application(self, value: object) -> None:
        self.derived.value = value

    def with_timeout(self, timeout: bytes) -> HeaderBlock:
        """The same list with another grpc-timeout; what the layer above derived goes along."""
        other = HeaderBlock.__new__(HeaderBlock)
        other.authority = self.authority
        other.content_length = self.content_length
        other.derived = self.derived
        other.fields = self.fields
        other.method = self.method
        other.path = self.path
        other.problem = self.problem
        other.scheme = self.scheme
        other.size = self.size
        other.status = self.status
        other.timeout = timeout
        other.trailer_problem = self.trailer_problem
        return other

    def value(self, name: bytes) -> bytes | None:
        """The first value of a regular field, or None. Cost: a scan of the list."""
        for field, value in self.fields:
            if field == name:
                return value
        return None

    def _read(self, fields: Iterable[Field]) -> None:
        pseudo: dict[bytes, bytes] = {}
        regular = self.fields
        size = 0
        problem = ""
        for name, value in fields:
            size += len(name) + len(value) + 32
            if name[:1] == b":":
                if regular:
                    problem = problem or "a pseudo-header after a regular field"
                if name in pseudo:
                    problem = problem or f"{name!r} twice"
                pseudo[name] = value
                continue
            regular.append((name, value))
            if not problem:
                problem = self._field_problem(name, value)
        self.size = size
        if pseudo:
            self.trailer_problem = "a pseudo-header in trailers"
        self.trailer_problem = problem or self.trailer_problem
        self.problem = problem or self._pseudo_problem(pseudo)

    def _field_problem(self, name: bytes, value: bytes) -> str:
        if not _NAME.match(name):
            return f"field name {name[:40]!r}"
        if _BAD_VALUE.search(value) or value[:1] in (b" ", b"\t") or value[-1:] in (b" ", b"\t"):
            return f"value of {name[:40]!r}"
        if name in _CONNECTION_FIELDS:
            return f"connection-specific field {name!r}"
        if name == b"te" and value != b"trailers":
            return "TE of something else than trailers"
        if name == b"content-length":
            if not value.isdigit() or len(value) > 18 or self.content_length not in (-1, int(value)):
                return f"content-length {value[:40]!r}"
            self.content_length = int(value)
        return ""

    def _pseudo_problem(self, pseudo: dict[bytes, bytes]) -> str:
        if b":status" in pseudo:
            status = pseudo[b":status"]
            if len(pseudo) > 1:
                return "request and response pseudo-headers together"
            if len(status) != 3 or not status.isdigit():
                return f":status {status[:40]!r}"
            self.status = int(status)
            return ""
        for name, value in pseudo.items():
            if name not in _REQUEST_PSEUDO:
                return f"pseudo-header {name[:40]!r}"
            if _BAD_VALUE.search(value):
                return f"value of {name!r}"
        self.method = pseudo.get(b":method", b"")
        self.scheme = pseudo.get(b":scheme", b"")
        self.path = pseudo.get(b":path", b"")
        self.authority = pseudo.get(b":authority", b"")
        if not self.method:
            return "no :method"
        if self.method == b"CONNECT":
            return "CONNECT is not offered" if not (self.scheme or self.path) else "CONNECT with :scheme or :path"
        if not self.scheme:
            return "no :scheme"
        if not self.path:
            return "no :path"
        if self.path[:1] != b"/" and not (self.path == b"*" and self.method == b"OPTIONS"):
            return f":path {self.path[:40]!r}"
        return ""
