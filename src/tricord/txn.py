# SPDX-License-Identifier: Apache-2.0
"""The words of a transaction, to import by name: ``from tricord.txn import absent, get, put, value``."""

from __future__ import annotations

from tricord.client.guards import Token, guarded
from tricord.client.steps import (
    Condition,
    Step,
    TxnReply,
    absent,
    count,
    create_revision,
    delete,
    delete_prefix,
    delete_range,
    exists,
    get,
    get_prefix,
    get_range,
    has,
    lease,
    mod_revision,
    put,
    txn,
    value,
    version,
)

__all__ = [
    "Condition",
    "Step",
    "Token",
    "TxnReply",
    "absent",
    "count",
    "create_revision",
    "delete",
    "delete_prefix",
    "delete_range",
    "exists",
    "get",
    "get_prefix",
    "get_range",
    "guarded",
    "has",
    "lease",
    "mod_revision",
    "put",
    "txn",
    "value",
    "version",
]
