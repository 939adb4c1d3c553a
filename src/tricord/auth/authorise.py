# SPDX-License-Identifier: Apache-2.0
"""The one authoriser: every door, every call and every nested operation passes it.

It allows everything until users and roles exist. It is asked by the engine before a request is proposed or read, and
again where the command is applied.
"""

from __future__ import annotations

from tricord.base.context import Context
from tricord.base.operations import Request, Txn


def authorise(context: Context, operation: Request) -> None:
    """Raise PermissionDenied unless ``context.identity`` may carry out ``operation``, nested operations included."""
    if type(operation) is Txn:
        for nested in operation.success:
            authorise(context, nested)
        for nested in operation.failure:
            authorise(context, nested)
