# SPDX-License-Identifier: Apache-2.0
"""Which certificates are let in, and what becomes of those that are not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tricord.transport.gate import gated, has_common_name, names_one_of


def certificate(*names: tuple[str, str], common_name: str = "") -> dict[str, Any]:
    return {"subject": ((("organizationName", "o"),), (("commonName", common_name),)), "subjectAltName": names}


@pytest.mark.parametrize(
    ("name", "host", "fits"),
    [
        (("DNS", "a.example"), "a.example", True),
        (("DNS", "A.Example"), "a.example.", True),
        (("DNS", "*.example"), "a.example", True),
        (("DNS", "*.example"), "a.b.example", False),
        (("DNS", "*.example"), ".example", False),
        (("DNS", "*"), "a", False),
        (("DNS", "b.example"), "a.example", False),
        (("DNS", "127.0.0.1"), "127.0.0.1", False),
        (("IP Address", "127.0.0.1"), "127.0.0.1", True),
        (("IP Address", "0:0:0:0:0:0:0:1"), "::1", True),
        (("IP Address", "<invalid>"), "127.0.0.1", False),
        (("IP Address", "127.0.0.1"), "localhost", False),
    ],
)
def test_a_certificate_names_a_host(name: tuple[str, str], host: str, fits: bool) -> None:
    assert names_one_of(("other.org", host))(certificate(name)) is fits


def test_no_certificate_names_nothing() -> None:
    assert not names_one_of(("a",))({})
    assert not has_common_name(("a",))({})
    assert has_common_name(("a", "b"))(certificate(common_name="b"))
    assert not has_common_name(("a",))(certificate(("DNS", "a"), common_name="c"))


class SmallTransport(asyncio.Transport):
    def __init__(self, shown: dict[str, Any]) -> None:
        super().__init__({"peercert": shown})
        self.aborted = False
        self.protocol: asyncio.BaseProtocol | None = None

    def abort(self) -> None:
        self.aborted = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Inner(asyncio.Protocol):
    transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport


def test_who_is_let_in_meets_the_protocol_and_nobody_else_does() -> None:
    inner = Inner()
    factory = gated(has_common_name(("a",)), lambda: inner)
    refused, admitted = SmallTransport({}), SmallTransport(certificate(common_name="a"))
    factory().connection_made(refused)
    assert (refused.aborted, refused.protocol, inner.transport) == (True, None, None)
    factory().connection_made(admitted)
    assert (admitted.aborted, admitted.protocol, inner.transport) == (False, inner, admitted)
    assert gated(None, lambda: inner)() is inner
