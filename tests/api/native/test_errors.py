# SPDX-License-Identifier: Apache-2.0
"""Errors at tricord's own door have the statuses that they have at etcd's."""

from __future__ import annotations

import pytest

from tricord.api.etcd.errors import TABLE
from tricord.api.native.errors import status_of
from tricord.api.native.http_errors import status_of as http_status_of
from tricord.base.errors import ServerFault, TricordError
from tricord.wire.grpc.status import Status


@pytest.mark.parametrize("kind", sorted(TABLE, key=str))
def test_statuses_are_those_of_etcds_door(kind: type[TricordError]) -> None:
    error = kind.__new__(kind)
    assert status_of(error) == TABLE[kind][0]
    is_the_servers_fault = kind in (TricordError, ServerFault) or status_of(error) is Status.DATA_LOSS
    assert (status_of(error) in (Status.UNKNOWN, Status.DATA_LOSS)) == is_the_servers_fault
    assert 400 <= http_status_of(error) < 600
