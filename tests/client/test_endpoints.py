# SPDX-License-Identifier: Apache-2.0
"""Endpoints as users write them, options, and the TLS that they imply."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tricord.base.errors import ConfigurationError
from tricord.client.endpoints import Endpoint, parse_endpoints
from tricord.client.options import Options, tls_context


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("localhost:2379", Endpoint("localhost", 2379)),
        ("localhost", Endpoint("localhost", 2379)),
        ("http://10.0.0.1:80", Endpoint("10.0.0.1", 80, False)),
        ("https://db.example/", Endpoint("db.example", 2379, True)),
        ("[::1]:12379", Endpoint("::1", 12379)),
        (" HTTP://Db:1 ", Endpoint("db", 1, False)),
    ],
)
def test_an_endpoint_is_a_host_a_port_and_maybe_a_scheme(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoints(text) == [endpoint]


def test_lists_are_commas_or_lists_and_doubles_are_dropped() -> None:
    expected = [Endpoint("a", 1), Endpoint("b", 2), Endpoint("c", 3)]
    assert parse_endpoints("a:1,b:2,c:3") == expected
    assert parse_endpoints(["a:1", "b:2, a:1", "c:3"]) == expected
    assert str(Endpoint("::1", 5)) == "[::1]:5"


@pytest.mark.parametrize(
    "text", ["", " , ", "ftp://a:1", "a:b", "a:99999", "a:0", "http://", "user@a:1", "a:1/path", "a:1?x=1", "unix:///x"]
)
def test_what_is_no_endpoint_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoints(text)
    assert text.strip(" ,") in str(caught.value)


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": -1}, {"dial_timeout": 0}, {"attempts": 0}])
def test_options_without_an_end_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Options(**wrong)


def test_tls_is_used_where_the_scheme_or_the_files_ask_for_it(tmp_path: Path) -> None:
    plain, secure, silent = Endpoint("a", 1, False), Endpoint("a", 1, True), Endpoint("a", 1)
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    assert tls_context([plain, silent], None, None, None, None) is None
    assert tls_context([secure], None, None, None, None) is not None
    assert tls_context([silent], None, str(ca), None, None) is not None
    own = ssl.create_default_context()
    assert tls_context([silent], own, None, None, None) is own


def test_tls_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    plain, silent = Endpoint("a", 1, False), Endpoint("a", 1)
    own = ssl.create_default_context()
    with pytest.raises(ConfigurationError, match="https"):
        tls_context([plain], own, None, None, None)
    with pytest.raises(ConfigurationError, match="either"):
        tls_context([silent], own, "ca.pem", None, None)
    with pytest.raises(ConfigurationError, match="without cert"):
        tls_context([silent], None, None, None, "key.pem")
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        tls_context([silent], None, missing, None, None)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"garbage\.pem"):
        tls_context([silent], None, str(garbage), None, None)
