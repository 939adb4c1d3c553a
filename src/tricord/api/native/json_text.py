# SPDX-License-Identifier: Apache-2.0
"""JSON of the HTTP API: bodies are read strictly, and bytes are text where they are UTF-8.

Bytes that are no UTF-8 text stand as ``{"base64": "..."}``, as names of a map as ``base64:...``. Either form is read.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from tricord.base.errors import InvalidRequest

_MARK = "base64:"
_SHOWN_MAX = 80


def parse(body: bytes) -> Any:
    """A body's JSON value. Raises InvalidRequest: also for members given twice, and for numbers that JSON has not."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None


def write(value: Any) -> bytes:
    """A value as JSON, on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def to_json(data: bytes) -> Any:
    """Bytes as they stand in JSON."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def to_name(data: bytes) -> str:
    """Bytes as a member's name."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = _MARK
    return _MARK + base64.b64encode(data).decode() if text.startswith(_MARK) else text


def to_bytes(value: Any, what: str) -> bytes:
    """Bytes of JSON. Raises InvalidRequest, which says ``what`` they should be."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest(f"{what} has half of a surrogate pair") from None
    if isinstance(value, dict) and list(value) == ["base64"] and isinstance(value["base64"], str):
        return from_base64(value["base64"], what)
    raise InvalidRequest(f'{what} is text or {{"base64": "..."}}, not {quoted(value)}')


def from_base64(text: str, what: str) -> bytes:
    """Bytes of base64 of either alphabet, padded or not. Raises InvalidRequest."""
    try:
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{what} is not base64: {quoted(text)}") from None


def to_base64url(data: bytes) -> str:
    """Opaque bytes as text that goes into addresses as it is."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def to_integer(value: Any, what: str, least: int, most: int) -> int:
    """A whole number within bounds. Raises InvalidRequest."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(f"{what} is a whole number from {least} to {most}, not {quoted(value)}")
    return value


def to_object(value: Any, what: str, allowed: frozenset[str]) -> dict[str, Any]:
    """An object with none but ``allowed`` members. Raises InvalidRequest."""
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} is an object, not {quoted(value)}")
    for name in value:
        if name not in allowed:
            raise InvalidRequest(f"{what} has no member {quoted(name)}: there are {', '.join(sorted(allowed))}")
    return value


def quoted(value: Any) -> str:
    """What was given instead, for a message: not all of it where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is given twice")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
