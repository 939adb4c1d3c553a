# SPDX-License-Identifier: Apache-2.0
"""A member and a real etcd answer operators and probes alike."""

from __future__ import annotations

import http.client
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families


def ask(endpoint: str, method: str, path: str, body: bytes | None = None) -> tuple[int, str | None, bytes]:
    """Status, content type and body."""
    connection = http.client.HTTPConnection(endpoint, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers["content-type"], answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/health?serializable=true"),
        ("GET", "/health?exclude=NOSPACE&exclude="),
        ("POST", "/health"),
        ("PUT", "/health"),
        ("GET", "/nowhere"),
    ],
)
def test_the_same_answer(etcd_endpoint: str, tricord_endpoint: str, method: str, path: str) -> None:
    body = b"x" * 100_000 if method == "POST" else None
    assert ask(tricord_endpoint, method, path, body) == ask(etcd_endpoint, method, path, body)


PROBES = ["/livez", "/livez?verbose", "/readyz", "/readyz?verbose", "/readyz?exclude=data_corruption&verbose"]


@pytest.mark.parametrize("path", [*PROBES, "/livez/serializable_read", "/readyz/linearizable_read?verbose"])
def test_the_same_probes_where_etcd_has_them(etcd_endpoint: str, tricord_endpoint: str, path: str) -> None:
    """etcd has them from 3.5.11 on; the order of its lines is its own affair."""
    status, kind, body = ask(tricord_endpoint, "GET", path)
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert body.endswith(b"ok\n")
    theirs = ask(etcd_endpoint, "GET", path)
    if theirs[0] != 404:
        assert (status, kind, sorted(body.splitlines())) == (theirs[0], theirs[1], sorted(theirs[2].splitlines()))


def test_the_variables_have_etcds_names(etcd_endpoint: str, tricord_endpoint: str) -> None:
    status, kind, body = ask(tricord_endpoint, "GET", "/debug/vars")
    theirs = ask(etcd_endpoint, "GET", "/debug/vars")
    assert (status, kind) == theirs[:2]
    ours, wanted = json.loads(body), json.loads(theirs[2])
    assert set(ours) == set(wanted)
    raft = ours["raft.status"]
    assert set(raft) <= set(wanted["raft.status"])
    assert raft["raftState"] == wanted["raft.status"]["raftState"] == "StateLeader"
    assert raft["lead"] == raft["id"] and int(raft["id"], 16) and raft["applied"] <= raft["commit"]


def test_the_version_has_etcds_fields(etcd_endpoint: str, tricord_endpoint: str) -> None:
    status, kind, body = ask(tricord_endpoint, "GET", "/version")
    theirs = ask(etcd_endpoint, "GET", "/version")
    assert (status, kind) == theirs[:2]
    assert set(json.loads(theirs[2])) <= set(json.loads(body))


def test_every_metric_of_etcds_name_has_etcds_kind_and_labels(etcd_endpoint: str, tricord_endpoint: str) -> None:
    ours, theirs = (families(endpoint) for endpoint in (tricord_endpoint, etcd_endpoint))
    shared = ours.keys() & theirs.keys()
    assert len(shared) > 30
    for name in shared:
        assert ours[name][0] in (theirs[name][0], "unknown"), name
        assert ours[name][1] == theirs[name][1], name
    assert {name for name in ours.keys() - theirs.keys() if not name.startswith("tricord_")} == set()


def families(endpoint: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> kind and names of labels."""
    page = ask(endpoint, "GET", "/metrics")[2].decode()
    return {
        family.name: (family.type, frozenset(label for sample in family.samples for label in sample.labels))
        for family in text_string_to_metric_families(page)
    }
