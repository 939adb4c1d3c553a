# SPDX-License-Identifier: Apache-2.0
"""The messages keep out of protobuf's process-wide pool, so that every etcd client can live in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SPEAK = """
from tricord.base.operations import Put, PutResult
from tricord.base.levels import Stamp
from tricord.wire.etcd import requests, responses
import tricord.api.etcd.json_messages as json_messages
from tricord.wire.schemas import kv, maintenance, watch, auth, cluster, lease, lock, election, health
data = requests.encode_request(Put(b"k", b"v", 7))
assert requests.decode_put(data)[0] == Put(b"k", b"v", 7)
answer = responses.encode_response(PutResult(), Stamp(1, 2, 3, 4))
assert responses.decode_put_response(answer)[1] == Stamp(1, 2, 3, 4)
request = kv.TxnRequest(success=[kv.RequestOp(request_range=kv.RangeRequest(key=b"a", sort_order=2))])
text = json_messages.to_json(request)
assert json_messages.from_json(text, kv.TxnRequest) == request, text
assert maintenance.NOSPACE == 1 and kv.RangeRequest.DESCEND == 2
"""


def run(script: str, **environment: str) -> str:
    """Run a script in a process of its own and give what it printed."""
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()


@pytest.mark.parametrize("order", ["before", "after"])
def test_the_other_async_client_imports_beside_tricord(order: str) -> None:
    run(f"import aetcd\n{SPEAK}" if order == "after" else f"{SPEAK}\nimport aetcd")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_three_clients_import_in_one_process(place: int) -> None:
    # etcd3's generated code is so old that protobuf takes it in its pure Python form only; and those two clash with
    # each other when etcd3 comes first, so it comes after.
    quiet = "import warnings\nwarnings.simplefilter('ignore')"
    lines = [quiet, "import aetcd", "import etcd3"]
    lines.insert(place + 1, SPEAK)
    run("\n".join(lines), PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")


def test_the_process_wide_pool_stays_empty() -> None:
    script = SPEAK + (
        "from google.protobuf import descriptor_pool\n"
        "try:\n"
        "    descriptor_pool.Default().FindMessageTypeByName('etcdserverpb.PutRequest')\n"
        "except KeyError:\n"
        "    print('empty')\n"
    )
    assert run(script) == "empty"


def test_importing_one_file_loads_that_file_and_what_it_needs() -> None:
    script = "from tricord.wire.schemas import kv\nfrom tricord.wire.schemas.pool import SERIALIZED\nprint(*SERIALIZED)"
    assert run(script) == "etcd/header.proto etcd/mvcc.proto etcd/kv.proto"


def test_importing_messages_does_not_load_the_slow_runtime() -> None:
    script = "import sys\n" + SPEAK + "print('google.protobuf.internal.python_message' in sys.modules)"
    assert run(script) == "False"


@pytest.mark.peer("protobuf-matrix")
@pytest.mark.parametrize("major", ["5", "6"])
def test_messages_work_on_other_protobuf_majors(major: str, peer: Callable[[str], Path]) -> None:
    folder = peer("protobuf-matrix") / major
    script = f"import google.protobuf\nassert google.protobuf.__version__.startswith('{major}.')\n{SPEAK}"
    run(script, PYTHONPATH=str(folder))
    run(script, PYTHONPATH=str(folder), PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
