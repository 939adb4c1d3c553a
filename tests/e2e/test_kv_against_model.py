# SPDX-License-Identifier: Apache-2.0
"""Random requests by gRPC: a real etcd and a tricord member each answer what the reference model answers.

The server is shared, so every history begins by clearing it: the model starts at the revision found then, and the
requests' revisions are moved up to it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.grpc_kv import GrpcKv
from tests.reference_model import ReferenceModel
from tests.strategies import requests, shifted
from tricord.api.etcd.errors import describe
from tricord.base.errors import TricordError
from tricord.base.levels import Stamp
from tricord.base.operations import Compact, DeleteRange, Put, Range, Request, Result, Txn
from tricord.statemachine.validation import Limits, validate
from tricord.wire.etcd.requests import encode_request
from tricord.wire.etcd.responses import (
    decode_compact_response,
    decode_delete_range_response,
    decode_put_response,
    decode_range_response,
    decode_txn_response,
)

Answer: TypeAlias = tuple[Result, int] | tuple[int, str]
"""A result and the header's revision, or a refusal's code and text."""

METHODS: dict[type[Request], tuple[str, Callable[[bytes], tuple[Result, Stamp]]]] = {
    Range: ("Range", decode_range_response),
    Put: ("Put", decode_put_response),
    DeleteRange: ("DeleteRange", decode_delete_range_response),
    Txn: ("Txn", decode_txn_response),
    Compact: ("Compact", decode_compact_response),
}
EVERYTHING = DeleteRange(b"\x00", b"\x00")


def ask_server(store: GrpcKv, request: Request) -> Answer:
    method, decode = METHODS[type(request)]
    try:
        result, stamp = decode(store.raw(f"/etcdserverpb.KV/{method}", encode_request(request)))
    except grpc.RpcError as error:
        return error.code().value[0], error.details()
    return result, stamp.revision


def ask_model(model: ReferenceModel, request: Request) -> Answer:
    try:
        validate(request, Limits())
        return model.call(request), model.revision
    except TricordError as error:
        status, text = describe(error)
        return status.value, text


def cleared(store: GrpcKv) -> ReferenceModel:
    """A model of the server, which is emptied and compacted, so that nothing of its past is seen."""
    ask_server(store, Put(b"a", b""))
    _, revision = ask_server(store, EVERYTHING)
    assert isinstance(revision, int)
    ask_server(store, Compact(revision))
    return ReferenceModel(revision, revision)


def compare(endpoint: str, history: list[Request], *, ordered_checks: bool = True) -> None:
    with GrpcKv(endpoint) as store:
        model = cleared(store)
        past = model.revision - 1
        for request in history:
            request = shifted(request, past)
            expected, found = ask_model(model, request), ask_server(store, request)
            if not ordered_checks and isinstance(request, Txn) and isinstance(expected[0], int):
                assert isinstance(found[0], int), request
            else:
                assert found == expected, request


histories = st.lists(requests, max_size=20)
rounds = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@rounds
@given(history=histories)
def test_etcd_answers_as_the_model(etcd_binary: Path, etcd_endpoint: str, history: list[Request]) -> None:
    version = subprocess.run([etcd_binary, "--version"], capture_output=True, check=True).stdout.decode()
    # Of two faults in one transaction etcd 3.5 names another one than 3.6.
    compare(etcd_endpoint, history, ordered_checks=not re.search(r"^etcd Version: 3\.5\.", version, re.MULTILINE))


@rounds
@given(history=histories)
def test_tricord_answers_as_the_model(tricord_endpoint: str, history: list[Request]) -> None:
    compare(tricord_endpoint, history)
