# SPDX-License-Identifier: Apache-2.0
"""Values on the command line of etcd, read as Go's ``flag`` package and etcd read them. Each parser raises ValueError
with the words that etcd says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

PARSE_ERROR = "parse error"
OUT_OF_RANGE = "value out of range"

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

INTEGER = re.compile(r"[+-]?(0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+|[1-9](_?[0-9])*|0)")
DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

SCHEMES = ("http", "https", "unix", "unixs")

FEATURES = (
    "AllAlpha",
    "AllBeta",
    "CompactHashCheck",
    "InitialCorruptCheck",
    "LeaseCheckpoint",
    "LeaseCheckpointPersist",
    "SetMemberLocalAddr",
    "StopGRPCServiceOnDefrag",
    "TxnModeWriteWithSharedBuffer",
)
"""The feature gates of etcd 3.6."""


def boolean(text: str) -> bool:
    """``1 t T TRUE true True`` and their opposites."""
    if text not in TRUE | FALSE:
        raise ValueError(PARSE_ERROR)
    return text in TRUE


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not INTEGER.fullmatch(text) or (low >= 0 and text[0] in "+-"):
            raise ValueError(PARSE_ERROR)
        digits = text.replace("_", "")
        sign = -1 if digits[0] == "-" else 1
        digits = digits.lstrip("+-").lower()
        if len(digits) > 70:  # more than any base needs for 64 bits
            raise ValueError(OUT_OF_RANGE)
        octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
        value = sign * (int(digits, 8) if octal else int(digits, 0))
        if not low <= value <= high:
            raise ValueError(OUT_OF_RANGE)
        return value

    return parse


int64 = _integer(-(1 << 63), (1 << 63) - 1)
uint64 = _integer(0, (1 << 64) - 1)


def uint32(text: str) -> int:
    """Read as etcd's own flag of that type: decimal digits, and Go's words for what is not."""
    quoted = text.replace('"', '\\"')
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f'strconv.ParseUint: parsing "{quoted}": invalid syntax')
    if len(text) > 20 or int(text) >= 1 << 32:
        raise ValueError(f'strconv.ParseUint: parsing "{quoted}": value out of range')
    return int(text)


def duration(text: str) -> float:
    """Go's durations in seconds: ``1h15m30.5s``, ``-250ms``, ``0``."""
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    seconds, place = 0.0, 0
    while place < len(rest):
        part = DURATION.match(rest, place)
        if part is None:
            raise ValueError(PARSE_ERROR)
        seconds += float(part[1]) * UNITS[part[2]]
        place = part.end()
    if not rest or seconds > (1 << 63) / 1e9:
        raise ValueError(PARSE_ERROR)
    return sign * seconds


def text(value: str) -> str:
    """As it is."""
    return value


def texts(value: str) -> tuple[str, ...]:
    """Separated by commas; nothing for nothing."""
    return tuple(value.split(",")) if value else ()


def unique_texts(value: str) -> tuple[str, ...]:
    """Separated by commas, each once, ascending."""
    return tuple(sorted(set(value.split(","))))


def urls(value: str) -> tuple[str, ...]:
    """Separated by commas, each once, ascending: scheme, host and port, nothing behind."""
    return tuple(sorted({_url(one.strip()) for one in value.split(",")})) if value else ()


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(f"parse \"{text}\": missing ']' in host") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"URL scheme must be http, https, unix, or unixs: {text}")
    if parts.scheme in ("http", "https"):
        host, colon, port = parts.netloc.rpartition(":")
        if not colon or not port or ("]" in port):
            raise ValueError(f'URL address does not have the form "host:port": {text}')
        if host.startswith("[") and not host.endswith("]"):
            raise ValueError(f"parse \"{text}\": missing ']' in host")
        if not (port.isascii() and port.isdigit()):
            raise ValueError(f'parse "{text}": invalid port ":{port}" after host')
    if parts.path:
        raise ValueError(f"URL must not contain a path: {text}")
    return f"{parts.scheme}://{parts.netloc}"


def feature_gates(value: str) -> dict[str, bool]:
    """``Name=true,Other=false``."""
    gates: dict[str, bool] = {}
    for part in value.split(","):
        if not part:
            continue
        name, equals, state = part.strip().partition("=")
        if not equals:
            raise ValueError(f"missing bool value for {name}")
        try:
            on = boolean(state.strip())
        except ValueError:
            message = f'strconv.ParseBool: parsing "{state.strip()}": invalid syntax'
            raise ValueError(f"invalid value of {name}={state.strip()}, err: {message}") from None
        if name not in FEATURES:
            raise ValueError(f"unrecognized feature gate: {name}")
        gates[name] = on
    return gates


def one_of(*choices: str) -> Callable[[str], str]:
    """One of some words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError("invalid value")
        return text

    return parse
