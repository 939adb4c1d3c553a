# SPDX-License-Identifier: Apache-2.0
"""What a reader saw goes to the client and back, as bytes that it cannot bend."""

from __future__ import annotations

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from tests.crdt.sites import Site, exclude, include, meet, put, remove
from tricord.base.errors import ReadContextDamaged
from tricord.crdt.read_context import decode_read_context, encode_read_context


def test_a_write_with_the_context_of_a_read_replaces_what_was_read() -> None:
    site, other = Site(1, incarnation=2**47), Site(2, incarnation=2**40)
    site.write(put(b"cat"))
    other.write(put(b"dog"))
    meet(site, other)
    read = decode_read_context(encode_read_context(site.cell()))
    site.write(put(b"newer"), seen=read)
    other.write(put(b"mine"), seen=read)
    meet(site, other)
    assert set(site.siblings()) == {b"newer", b"mine"}


def test_the_vector_of_the_replica_that_was_read_is_as_good() -> None:
    """A token says it all: what stands there and was there at the read, was read."""
    site, other = Site(1), Site(2)
    site.write(put(b"cat"))
    site.write(include(b"milk"), key=b"s")
    vector = site.state.context.vector.copy()
    other.write(put(b"dog"))
    meet(site, other)
    site.write(put(b"after the read"), seen=vector)
    assert set(site.siblings()) == {b"dog", b"after the read"}
    other.write(include(b"eggs"), key=b"s")
    meet(site, other)
    site.write(remove, key=b"s", seen=vector)
    assert site.value(b"s") == [b"eggs"]
    other.write(include(b"milk"), key=b"s")
    meet(site, other)
    site.write(exclude(b"milk"), key=b"s", seen=vector)
    assert site.value(b"s") == [b"eggs", b"milk"], "this addition came after the read"


def test_a_context_of_many_writes_is_small() -> None:
    site = Site(1, incarnation=2**47)
    for number in range(1_000):
        site.write(include(b"%d" % number), key=b"s")
    assert len(encode_read_context(site.cell(b"s"))) < 20
    for number in range(0, 1_000, 3):
        site.write(exclude(b"%d" % number), key=b"s")
    assert len(encode_read_context(site.cell(b"s"))) < 1_000


def test_the_context_of_nothing_replaces_nothing() -> None:
    site = Site(1)
    nothing = decode_read_context(encode_read_context(site.cell()))
    site.write(put(b"cat"))
    site.write(put(b"dog"), seen=nothing)
    assert set(site.siblings()) == {b"cat", b"dog"}


@given(st.binary(max_size=40))
def test_damage_is_refused(noise: bytes) -> None:
    site = Site(1)
    site.write(put(b"cat"))
    good = encode_read_context(site.cell())
    for bad in (good + noise + b"\0", good[:-1], b"", b"\x01\x02", noise + crc32c(noise).to_bytes(4, "big")):
        try:
            again = decode_read_context(bad).encode()
        except ReadContextDamaged:
            continue
        assert again + crc32c(again).to_bytes(4, "big") == bad
    with pytest.raises(ReadContextDamaged):
        decode_read_context(bytes([good[0] ^ 1]) + good[1:])
