# SPDX-License-Identifier: Apache-2.0
"""The words that commands on keys share: what a key is, which keys a range means, and the flags for output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, TypeAlias, TypeVar

import typer

from tricord.base.errors import InvalidRequest
from tricord.cli.usage import WrongUsage

T = TypeVar("T")

Key: TypeAlias = Annotated[str, typer.Argument(metavar="KEY", help="The key.")]
End: TypeAlias = Annotated[str | None, typer.Argument(metavar="END", help="Take all keys from KEY to before END.")]
Prefix: TypeAlias = Annotated[bool, typer.Option("--prefix", help="Take all keys that begin with KEY.")]
FromKey: TypeAlias = Annotated[bool, typer.Option("--from-key", help="Take KEY and all keys after it.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Raw: TypeAlias = Annotated[bool, typer.Option("--raw", help="Print the bytes of the values and nothing else.")]


def data(text: str) -> bytes:
    """An argument as bytes, exactly as it was typed."""
    return os.fsencode(text)


def value(text: str) -> bytes:
    """An argument as bytes; ``-`` means all of stdin."""
    return sys.stdin.buffer.read() if text == "-" else data(text)


def key_range(key: str, end: str | None, prefix: bool, from_key: bool) -> tuple[bytes, bytes]:
    """(key, range_end) that the arguments mean. An empty key with --prefix or --from-key means all keys."""
    from tricord.client.keys import prefix_range, span

    if sum((end is not None, prefix, from_key)) > 1:
        raise WrongUsage("END, --prefix and --from-key exclude each other")
    if prefix:
        return prefix_range(data(key))
    if from_key:
        return span(data(key), None)
    if end is not None:
        return span(data(key), data(end))
    return data(key), b""


def chosen(text: str, choose: Callable[[str], T], words: Iterable[str]) -> T:
    """What ``choose`` makes of the text. Raises WrongUsage, which names the one of ``words`` that is nearly that."""
    try:
        return choose(text)
    except InvalidRequest as error:
        from difflib import get_close_matches

        near = get_close_matches(text.lower(), words, 1)
        raise WrongUsage(f"{error}; did you mean {near[0]}?" if near else str(error)) from None


def lease_id(text: str) -> int:
    """A lease id, of 64 bits with a sign, in decimal, or in hexadecimal with 0x."""
    try:
        number = int(text, 0)
    except ValueError:
        raise WrongUsage(f"{text!r} is no lease id: write it in decimal, or in hexadecimal with 0x") from None
    if not -(1 << 63) <= number < 1 << 63:
        raise WrongUsage(f"{text!r} is no lease id: it does not fit into 64 bits with a sign")
    return number
