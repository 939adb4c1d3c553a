# SPDX-License-Identifier: Apache-2.0
"""How a lease is written, and its id."""

from __future__ import annotations

import pytest

from tricord.lease.records import LeaseRecord, decode_lease, encode_lease, lease_id
from tricord.mvcc.keys import lease_key


@pytest.mark.parametrize("record", [LeaseRecord(2), LeaseRecord(9_000_000_000, 8_999_999_999)])
def test_a_record_is_read_as_it_was_written(record: LeaseRecord) -> None:
    assert decode_lease(encode_lease(record)) == record


@pytest.mark.parametrize("identity", [1, 7, (1 << 63) - 1, -1, -(1 << 63)])
def test_ids_are_signed(identity: int) -> None:
    assert lease_id(lease_key(identity)) == identity


def test_a_record_of_another_format_is_not_guessed_at() -> None:
    data = encode_lease(LeaseRecord(2))
    with pytest.raises(AssertionError, match="format 9"):
        decode_lease(b"\x09" + data[1:])
