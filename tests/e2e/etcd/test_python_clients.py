# SPDX-License-Identifier: Apache-2.0
"""Programs on etcd's other Python clients print the same against a member as against a real etcd."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

AETCD = """
import asyncio, sys
import aetcd

async def main(port):
    async with aetcd.Client(port=port) as client:
        await client.delete_prefix(b"aetcd/")
        await client.put(b"aetcd/k", b"v")
        kv = await client.get(b"aetcd/k")
        print(kv.key, kv.value, kv.version, kv.create_revision == kv.mod_revision)
        for number in range(5):
            await client.put(b"aetcd/p/%d" % number, b"%d" % (number * 3 % 5))
        for target in ("key", "value", "mod"):
            found = await client.get_prefix(b"aetcd/p/", sort_order="descend", sort_target=target)
            print(target, [(kv.key, kv.value) for kv in found])
        print(await client.replace(b"aetcd/k", b"v", b"w"), (await client.get(b"aetcd/k")).value)
        print(await client.replace(b"aetcd/k", b"v", b"x"), (await client.get(b"aetcd/k")).value)
        at = client.transactions
        won, answers = await client.transaction(
            compare=[at.value(b"aetcd/k") == b"w", at.version(b"aetcd/k") > 1],
            success=[at.put(b"aetcd/k", b"x"), at.get(b"aetcd/k")],
            failure=[at.delete(b"aetcd/k")],
        )
        print(won, [(value, kv.version) for value, kv in answers[1]])
        print((await client.delete(b"aetcd/k", prev_kv=True)).prev_kv.value, await client.get(b"aetcd/k"))
        print((await client.delete_prefix(b"aetcd/p/")).deleted)
        print([len(member.client_urls) async for member in client.members()])
        print([alarm async for alarm in client.list_alarms()])
        revision = (await client.put(b"aetcd/k", b"v")).header.revision
        await client.compact(revision)
        try:
            await client.compact(revision)
        except Exception as error:
            print(type(error).__name__)

asyncio.run(main(int(sys.argv[1])))
"""

ETCD3 = """
import sys, warnings
warnings.simplefilter("ignore")
import etcd3

client = etcd3.client(port=int(sys.argv[1]))
client.delete_prefix("etcd3/")
client.put("etcd3/k", "v")
value, meta = client.get("etcd3/k")
print(value, meta.key, meta.version, meta.create_revision == meta.mod_revision)
print(client.replace("etcd3/k", "v", "w"), client.replace("etcd3/k", "v", "x"), client.get("etcd3/k")[0])
print(client.put_if_not_exists("etcd3/n", "1"), client.put_if_not_exists("etcd3/n", "2"))
print([value for value, _ in client.get_prefix("etcd3/", sort_order="descend")])
won, answers = client.transaction(
    compare=[client.transactions.version("etcd3/k") > 1, client.transactions.value("etcd3/k") == "w"],
    success=[client.transactions.put("etcd3/k", "x"), client.transactions.get("etcd3/k")],
    failure=[client.transactions.delete("etcd3/k")],
)
print(won, [value for value, _ in answers[1]])
print(client.delete("etcd3/k"), client.delete("etcd3/k"), client.get("etcd3/k"))
print([len(member.client_urls) for member in client.members], list(client.list_alarms()))
"""

PROGRAMS = {
    # Its generated code is so old that protobuf takes it in its pure Python form only.
    "etcd3": (ETCD3, {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}),
    "aetcd": (AETCD, {}),
}


def run(program: str, endpoint: str) -> str:
    """What the program prints."""
    script, environment = PROGRAMS[program]
    port = endpoint.rpartition(":")[2]
    outcome = subprocess.run(
        [sys.executable, "-c", script, port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_prints_the_same_against_both(program: str, tricord_endpoint: str, etcd_endpoint: str) -> None:
    printed = run(program, tricord_endpoint)
    assert printed == run(program, etcd_endpoint)
    assert len(printed.splitlines()) >= 7
