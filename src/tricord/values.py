# SPDX-License-Identifier: Apache-2.0
"""The words of an update of typed values, to import by name: ``from tricord.values import add, add_element, put``."""

from __future__ import annotations

from tricord.base.values import DataType, Shown
from tricord.client.value_changes import (
    add,
    add_element,
    change,
    keep_only,
    put,
    put_last,
    remove,
    remove_element,
    remove_field,
)
from tricord.client.value_results import FetchReply, Found, RegisterValue, UpdateReply, ValueBatch

__all__ = [
    "DataType",
    "FetchReply",
    "Found",
    "RegisterValue",
    "Shown",
    "UpdateReply",
    "ValueBatch",
    "add",
    "add_element",
    "change",
    "keep_only",
    "put",
    "put_last",
    "remove",
    "remove_element",
    "remove_field",
]
