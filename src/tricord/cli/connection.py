# SPDX-License-Identifier: Apache-2.0
"""How commands reach a member: the options that all of them take, and one call on a client made from these.

Each is a flag of the command, or stands before it (``tricord --endpoints ... get key``), or comes from the environment,
tricord's own names before those of etcdctl.
"""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tricord.base.message import message
from tricord.cli.usage import WrongUsage

if TYPE_CHECKING:
    from tricord.base.trace import Tracer
    from tricord.client.asynchronous import AsyncClient

T = TypeVar("T")

DEFAULT_ENDPOINT = "127.0.0.1:2379"
DEFAULT_TIMEOUT = "5"
TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}

OPTIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "endpoints": (
        "HOST:PORT,...",
        f"Members to ask, the first that answers.  [default: {DEFAULT_ENDPOINT}]",
        ("TRICORD_ENDPOINTS", "ETCDCTL_ENDPOINTS"),
    ),
    "timeout": (
        "SECONDS",
        f"How long the command may take; also as 500ms or 1m.  [default: {DEFAULT_TIMEOUT}]",
        ("TRICORD_TIMEOUT",),
    ),
    "cacert": ("FILE", "PEM file with the authorities to trust; turns TLS on.", ("TRICORD_CACERT", "ETCDCTL_CACERT")),
    "cert": ("FILE", "PEM file with this client's certificate.", ("TRICORD_CERT", "ETCDCTL_CERT")),
    "key": ("FILE", "PEM file with its private key.", ("TRICORD_KEY", "ETCDCTL_KEY")),
    "keyspace": ("NAME", "The keyspace to work in (tricord only).  [default: default]", ("TRICORD_KEYSPACE",)),
}
"""Name -> (metavar, help, environment variables)."""


@message
class Connection:
    """Whom to ask, and for how long (seconds)."""

    endpoints: str
    timeout: float
    ca: str | None
    cert: str | None
    key: str | None
    keyspace: str | None = None

    def run(self, work: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Run ``work(client)`` to its end. Raises TricordError."""
        import asyncio

        async def within() -> T:
            async with self.client() as client:
                if self.keyspace is None:
                    return await work(client)
                async with client.keyspace(self.keyspace) as bound:
                    return await work(bound)

        return asyncio.run(within())

    def client(self, observer: Tracer | None = None) -> AsyncClient:
        """A client, not opened yet."""
        from tricord.client.connecting import connect_async

        return connect_async(
            self.endpoints,
            timeout=self.timeout,
            dial_timeout=self.timeout,
            ca=self.ca,
            cert=self.cert,
            key=self.key,
            observer=observer,
        )


def resolve(flags: Mapping[str, str | None], earlier: Mapping[str, str | None]) -> Connection:
    """The connection that flags, flags before the command and the environment describe. Raises WrongUsage."""

    def given(name: str) -> str | None:
        candidates = [flags.get(name), earlier.get(name), *(os.environ.get(known) for known in OPTIONS[name][2])]
        return next((candidate for candidate in candidates if candidate), None)

    timeout = seconds(given("timeout") or DEFAULT_TIMEOUT)
    files = given("cacert"), given("cert"), given("key")
    # A flag whose variable was empty does not mean the default keyspace: the client refuses that name.
    keyspace = next((one for one in (flags.get("keyspace"), earlier.get("keyspace")) if one is not None), None)
    return Connection(
        given("endpoints") or DEFAULT_ENDPOINT, timeout, *files, given("keyspace") if keyspace is None else keyspace
    )


def seconds(text: str) -> float:
    """``5``, ``0.5``, ``5s``, ``500ms`` or ``1m`` as seconds. Raises WrongUsage."""
    number, factor = text.strip(), 1.0
    for unit, size in TIME_UNITS.items():
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), size
            break
    try:
        value = float(number) * factor
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise WrongUsage(f"the timeout {text!r} is no time above 0: write 5, 5s or 500ms")
    return value


def connection_parameters() -> list[inspect.Parameter]:
    """The options as typer reads them from a signature."""
    parameters = []
    for name, (metavar, text, variables) in OPTIONS.items():
        option = typer.Option(
            f"--{name}", metavar=metavar, help=f"{text}  [env: {', '.join(variables)}]", show_default=False
        )
        annotation = Annotated[str | None, option]
        kind = inspect.Parameter.KEYWORD_ONLY
        # "key" is what most commands call their first argument.
        parameters.append(inspect.Parameter(f"connect_{name}", kind, default=None, annotation=annotation))
    return parameters


def taken(options: dict[str, Any]) -> dict[str, str | None]:
    """Take the connection's options out of all of a command's."""
    return {name: options.pop(f"connect_{name}") for name in OPTIONS}


def with_connection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Call ``command(connection, ...)`` with a connection made from options that are added to its own."""
    own = list(inspect.signature(command).parameters.values())[1:]
    own_types = typing.get_type_hints(command, include_extras=True)

    def connecting(context: typer.Context, **given: Any) -> Any:
        return command(resolve(taken(given), context.obj or {}), **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    parameters += [parameter.replace(annotation=own_types[parameter.name], kind=keyword) for parameter in own]
    parameters += connection_parameters()
    connecting.__name__ = command.__name__
    connecting.__doc__ = command.__doc__
    connecting.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    connecting.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return connecting
