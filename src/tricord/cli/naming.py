# SPDX-License-Identifier: Apache-2.0
"""Members as people name them: by name, or by the id that ``member list`` shows."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from tricord.base.errors import MembershipRefused
from tricord.base.members import MemberRecord
from tricord.cli.usage import WrongUsage

Member: TypeAlias = Annotated[str, typer.Argument(metavar="MEMBER", help="The member's name, or its id.")]
Peer: TypeAlias = Annotated[
    list[str],
    typer.Option("--peer", metavar="HOST:PORT", help="Where its peers reach it; may be given again."),
]


def find_member(members: list[MemberRecord], word: str) -> MemberRecord | None:
    """The member of that name, or of that id in hexadecimal."""
    named = [member for member in members if member.name == word]
    if len(named) > 1:
        raise WrongUsage(f"{len(named)} members are called {word!r}: say the id of one")
    if named:
        return named[0]
    return next((member for member in members if f"{member.id:x}" == word.lower().removeprefix("0x")), None)


def known_member(members: list[MemberRecord], word: str) -> MemberRecord:
    """``find_member``. Raises MembershipRefused when there is none."""
    found = find_member(members, word)
    if found is None:
        names = ", ".join(called(member) for member in members)
        names += "; who never started is known by its id" if not all(member.name for member in members) else ""
        raise MembershipRefused(f"no member is called {word!r}; there are {names}", reason="unknown_member")
    return found


def peer_urls(members: list[MemberRecord], peers: list[str]) -> list[str]:
    """The addresses of ``--peer`` as URLs, with the scheme of the other members' where none is typed."""
    from tricord.client.changes import full_urls

    schemes = {url.partition("://")[0] for member in members for url in member.peer_urls}
    return full_urls(peers, "https" if schemes == {"https"} else "http")


def called(member: MemberRecord) -> str:
    """Its name; its id while it has none."""
    return member.name or f"{member.id:x}"
