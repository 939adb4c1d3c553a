# SPDX-License-Identifier: Apache-2.0
"""Answers of unary calls that take a coroutine: the caller who goes away ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tricord.base.errors import Cancelled, TricordError
from tricord.wire.grpc.service import UnaryCall
from tricord.wire.grpc.status import GrpcError

Fail = Callable[[UnaryCall, TricordError], None]


def answer_later(call: UnaryCall, work: Coroutine[Any, Any, bytes], fail: Fail) -> None:
    """Reply with what ``work`` returns, or with what it raises: TricordError in the words of ``fail``, GrpcError."""

    async def answer() -> None:
        try:
            message = await work
        except TricordError as error:
            fail(call, error)
        except GrpcError as error:
            call.fail(error.status, error.text)
        except asyncio.CancelledError:
            fail(call, Cancelled())
            raise
        else:
            call.reply(message)

    task = asyncio.get_running_loop().create_task(answer())
    # Of a caller who went away before it began, nothing ran: the work wants to be put away all the same.
    task.add_done_callback(lambda _: work.close())

    def cancel() -> None:
        task.cancel()

    # The call holds the task, and the connection holds the call.
    call.on_cancel(cancel)
