# SPDX-License-Identifier: Apache-2.0
"""An object of any class as a state machine: a command is one call of a method, the state is its attributes.

Calls and state are encoded as MessagePack, never as code: whoever can send bytes to a node can call the class's public
methods with plain values, and nothing else.
"""

from __future__ import annotations

import inspect
from typing import Any, BinaryIO, Generic, TypeVar, get_type_hints

import msgspec

from tricord.base.errors import ConfigurationError, InvalidRequest
from tricord.base.log import Entry
from tricord.base.message import message

T = TypeVar("T")


@message
class Raised:
    """The method raised this, on every node alike."""

    error: Exception


class ObjectMachine(Generic[T]):
    """The state machine of one object.

    Its methods must be pure functions of object and arguments: no clock, no randomness, no files. They may raise; the
    error goes to the caller. Attributes are plain values, or of the types that the class annotates them with
    (dataclasses, sets, datetimes: what msgspec knows); or the class has ``snapshot(stream)`` and ``restore(stream)``.
    Raises ConfigurationError for an attribute that a snapshot would change.
    """

    def __init__(self, target: T) -> None:
        self.target = target
        self._types: dict[str, Any] = get_type_hints(type(target))
        self._methods = {
            name: method
            for name, method in inspect.getmembers(type(target), inspect.isfunction)
            if not name.startswith("_")
        }
        self._own_snapshots = hasattr(target, "snapshot") and hasattr(target, "restore")
        if not self._own_snapshots:
            self._check_attributes()

    def encode(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> bytes:
        """The command that calls the method. Raises InvalidRequest for arguments that are no plain values."""
        if name not in self._methods:
            raise InvalidRequest(f"{type(self.target).__name__} has no public method {name!r}")
        try:
            return msgspec.msgpack.encode((name, arguments, named))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidRequest(f"the arguments of {name!r} cannot be sent: {error}") from None

    def apply(self, batch: list[Entry]) -> list[Any]:
        return [self._call(entry.data) for entry in batch]

    def snapshot(self, stream: BinaryIO) -> None:
        if self._own_snapshots:
            self.target.snapshot(stream)  # type: ignore[attr-defined]
        else:
            stream.write(msgspec.msgpack.encode(_attributes(self.target)))

    def restore(self, stream: BinaryIO) -> None:
        if self._own_snapshots:
            self.target.restore(stream)  # type: ignore[attr-defined]
            return
        found: dict[str, msgspec.Raw] = msgspec.msgpack.decode(stream.read(), type=dict[str, msgspec.Raw])
        for name in _attributes(self.target).keys() - found.keys():
            delattr(self.target, name)
        for name, value in found.items():
            setattr(self.target, name, self._decode(name, value))

    def _call(self, command: bytes) -> Any:
        try:
            name, arguments, named = msgspec.msgpack.decode(command, type=tuple[str, list[Any], dict[str, Any]])
            method = self._methods[name]
        except (msgspec.DecodeError, KeyError, RecursionError):
            return Raised(InvalidRequest("the command calls no method of this class"))
        try:
            return method(self.target, *arguments, **named)
        except (MemoryError, RecursionError):
            raise  # of this process, not of the command: the node stops rather than differ from the others
        except Exception as error:
            return Raised(error)

    def _decode(self, name: str, value: bytes | msgspec.Raw) -> Any:
        return msgspec.msgpack.decode(value, type=self._types.get(name, Any))

    def _check_attributes(self) -> None:
        kind = type(self.target).__name__
        for name, value in _attributes(self.target).items():
            try:
                again = self._decode(name, msgspec.msgpack.encode(value))
            except (TypeError, ValueError) as error:
                raise ConfigurationError(f"{kind}.{name} cannot be in a snapshot: {error}") from None
            if type(again) is not type(value) or again != value:
                raise ConfigurationError(
                    f"{kind}.{name} would be another value after a snapshot: annotate its type in the class"
                )


def _attributes(target: object) -> dict[str, Any]:
    slots = [name for kind in type(target).__mro__ for name in getattr(kind, "__slots__", ())]
    found = {name: getattr(target, name) for name in slots if hasattr(target, name) and name != "__dict__"}
    return found | getattr(target, "__dict__", {})
