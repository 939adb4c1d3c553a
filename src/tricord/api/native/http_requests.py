# SPDX-License-Identifier: Apache-2.0
"""Requests of the HTTP API as its handlers see them: names and keys of the path, parameters, and the context."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from tricord.api.keyspaces import keyspace_metadata
from tricord.api.native.json_text import from_base64, parse
from tricord.base.context import Context
from tricord.base.errors import InvalidRequest, KeyNotProvided
from tricord.base.levels import Stamp, level_of
from tricord.base.token import token_bytes
from tricord.wire.http.routes import HttpRequest
from tricord.wire.native.levels import LEVEL, TOKEN, stamp_fields

RAW_TYPES = (b"application/octet-stream", b"text/plain")
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(slots=True)
class Asked:
    """One request. ``keyspace`` and ``key`` are of the path; empty where it names none."""

    request: HttpRequest
    keyspace: str
    key: bytes
    parameters: dict[str, bytes]

    def context(self) -> Context:
        """Keyspace, level and token of the request's headers. Raises InvalidRequest, InvalidToken."""
        metadata = keyspace_metadata(self.request.headers)
        context = Context(self.keyspace)
        level, token = metadata.get(LEVEL), metadata.get(TOKEN)
        if isinstance(level, str) and level:
            context.level, context.level_named = level_of(level), True
        if isinstance(token, str) and token:
            context.token = token_bytes(token)
        return context

    def whole(self, name: str, otherwise: int, least: int, most: int) -> int:
        """A parameter that is a whole number. Raises InvalidRequest."""
        text = self.parameters.get(name)
        if text is None:
            return otherwise
        if not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
            raise InvalidRequest(
                f"{name} is a whole number from {least} to {most}, not {text[:40].decode('latin-1')!r}"
            )
        return int(text)

    def opaque(self, name: str) -> bytes:
        """A parameter that an answer gave; empty where there is none. Raises InvalidRequest."""
        text = self.parameters.get(name)
        return b"" if text is None else from_base64(text.decode("latin-1"), name)

    def json(self) -> object:
        """The body. Raises InvalidRequest."""
        return parse(self.request.body)

    @property
    def is_raw(self) -> bool:
        """Whether the body is a value as it is."""
        return (self.request.header(b"content-type") or b"").partition(b";")[0].strip().lower() in RAW_TYPES

    @property
    def wants_raw(self) -> bool:
        """Whether the answer is to be a value as it is."""
        return (self.request.header(b"accept") or b"").partition(b",")[0].strip().lower() in RAW_TYPES


def ranged(asked: Asked) -> tuple[bytes, bytes]:
    """The range that ``key``, ``prefix``, or ``from`` and ``to`` name; without any, all keys. Raises InvalidRequest."""
    given = asked.parameters
    named = [name for name in ("key", "prefix") if name in given]
    if len(named) > 1 or (named and ("from" in given or "to" in given)):
        raise InvalidRequest("give one of key, prefix, and from with to")
    if "key" in given:
        if not given["key"]:
            raise KeyNotProvided
        return given["key"], b""
    if prefix := given.get("prefix", b""):
        return prefix, prefix_end(prefix)
    return given.get("from") or b"\0", given.get("to") or b"\0"


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of all keys with that prefix."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else b"\0"


def parameters_of(query: str, allowed: frozenset[str]) -> dict[str, bytes]:
    """The parameters of a query, each at most once. Raises InvalidRequest for others than ``allowed``."""
    found: dict[str, bytes] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise InvalidRequest(f"there is no parameter {name[:40]!r} here: there are {known}")
        if name in found:
            raise InvalidRequest(f"the parameter {name!r} is given twice")
        found[name] = unescaped(value.replace("+", "%20"))
    return found


def unescaped(text: str) -> bytes:
    """Bytes of what is percent-encoded. Raises InvalidRequest for escapes that are none."""
    raw = text.encode("latin-1")
    if _NO_ESCAPE.search(raw):
        raise InvalidRequest("a percent sign is not followed by two hexadecimal digits")
    return unquote_to_bytes(raw)


def answer_headers(stamp: Stamp) -> list[tuple[bytes, bytes]]:
    """What an answer says of itself."""
    return [(name.encode(), value.encode()) for name, value in stamp_fields(stamp)]
