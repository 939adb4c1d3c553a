# SPDX-License-Identifier: Apache-2.0
"""What operations do to registers, locks and queues when they run one at a time.

Each builder turns an operation (``ok`` or unknown, not ``fail``) into a ``Move``, and raises BadHistory for one whose
input or output makes no sense.

- A register is a value or None. ``put`` writes its input, ``delete`` writes None, ``get`` answers the value. ``cas``
  writes ``value`` where the register holds ``expect`` and says whether it did. ``append`` adds its input to the end of
  a string (None counts as empty); an output is the whole string after it.
- A lock is a holder or None. ``acquire`` by its client answers false where somebody holds it, ``release`` false where
  the client does not hold it; any other answer says that it worked.
- A queue is a tuple. ``enqueue`` adds its input at the end; ``dequeue`` takes the first, None from an empty queue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tricord.check.history import BadHistory, Operation
from tricord.check.linear.move import ILLEGAL, NEVER, Move, frozen, line, returned

Builder = Callable[[Operation], Move]


def put_move(operation: Operation) -> Move:
    """``put`` and ``delete``."""
    value = frozen(operation.input) if operation.op == "put" else None
    return Move(
        operation.index,
        operation.call_ns,
        returned(operation),
        ("put", value),
        lambda _: value,
        blind=True,
        makes=value,
    )


def get_move(operation: Operation) -> Move:
    """``get``: legal where the state is its answer."""
    value = frozen(operation.output)
    return Move(
        operation.index,
        operation.call_ns,
        returned(operation),
        ("get", value),
        lambda state: state if state == value else ILLEGAL,
        pure=True,
        wants=value,
        makes=value,
    )


def parts_of_cas(operation: Operation) -> tuple[Any, Any]:
    """What it expects and what it writes."""
    given = operation.input
    if not isinstance(given, dict) or "expect" not in given or "value" not in given:
        raise BadHistory(f'{line(operation)}: the input of cas is {{"expect": ..., "value": ...}}')
    return frozen(given["expect"]), frozen(given["value"])


def cas_move(operation: Operation) -> Move:
    """``cas``: three kinds, by its answer."""
    expect, value = parts_of_cas(operation)
    back = returned(operation)
    same = ("cas", expect, value, operation.output if back != NEVER else None)
    move = Move(operation.index, operation.call_ns, back, same, lambda state: value if state == expect else state)
    if back == NEVER:
        move.wants, move.makes = expect, value
    elif operation.output is True:
        move.apply = lambda state: value if state == expect else ILLEGAL
        move.wants, move.makes = expect, value
    elif operation.output is False:
        move.apply = lambda state: ILLEGAL if state == expect else state
        move.pure = True
    else:
        raise BadHistory(f"{line(operation)}: the output of cas is true or false")
    return move


def append_move(operation: Operation) -> Move:
    """``append`` of a string."""
    added, whole = operation.input, operation.output
    if not isinstance(added, str):
        raise BadHistory(f"{line(operation)}: the input of append is a string")
    back = returned(operation)

    def apply(state: Any) -> Any:
        if state is not None and not isinstance(state, str):
            return ILLEGAL
        after = (state or "") + added
        return after if whole is None or after == whole else ILLEGAL

    if back == NEVER:
        whole = None
    same = ("append", added, whole)
    move = Move(operation.index, operation.call_ns, back, same, apply)
    if whole is not None:
        move.makes = whole
    return move


def lock_move(operation: Operation) -> Move:
    """``acquire`` and ``release``."""
    client, op = operation.client, operation.op
    back = returned(operation)
    before, after = (None, client) if op == "acquire" else (client, None)
    refused = operation.output is False and back != NEVER
    same = (op, client, refused, back == NEVER)
    move = Move(operation.index, operation.call_ns, back, same, lambda state: after if state == before else state)
    if refused:
        move.apply = lambda state: ILLEGAL if state == before else state
        move.pure = True
    elif back != NEVER:
        move.apply = lambda state: after if state == before else ILLEGAL
    return move


def queue_move(operation: Operation) -> Move:
    """``enqueue`` and ``dequeue``."""
    back = returned(operation)
    if operation.op == "enqueue":
        added = frozen(operation.input)
        return Move(operation.index, operation.call_ns, back, ("enqueue", added), lambda state: (*state, added))
    taken = frozen(operation.output)
    same = ("dequeue", taken, back == NEVER)
    move = Move(operation.index, operation.call_ns, back, same, lambda state: state[1:])
    if back != NEVER and taken is None:
        move.apply = lambda state: state if not state else ILLEGAL
        move.pure = True
        move.wants = ()
    elif back != NEVER:
        move.apply = lambda state: state[1:] if state and state[0] == taken else ILLEGAL
    return move


REGISTER: Final[dict[str, Builder]] = {
    "put": put_move,
    "delete": put_move,
    "get": get_move,
    "cas": cas_move,
    "append": append_move,
}
LOCK: Final[dict[str, Builder]] = {"acquire": lock_move, "release": lock_move}
QUEUE: Final[dict[str, Builder]] = {"enqueue": queue_move, "dequeue": queue_move}
