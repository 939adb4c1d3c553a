# SPDX-License-Identifier: Apache-2.0
"""The flags of ``serve`` and ``config show``, made from the fields of the member's configuration."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tricord.server.configuration import meaning
from tricord.server.configuration_sources import FIELDS, flag_name, load

CONFIG_HELP = "TOML file with settings; environment variables and flags win over it.  [env: TRICORD_CONFIG]"


def with_setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command(loaded, ...)`` one option for each setting, and call it with what all sources say.

    Typer reads a function's signature, so one is made: ``--config``, the settings, then the command's own parameters.
    """
    own = list(inspect.signature(command).parameters.values())[1:]
    own_types = typing.get_type_hints(command, include_extras=True)

    def loading(config: str | None = None, **given: object) -> Any:
        flags = {name: given.pop(name) for name in FIELDS}
        return command(load(config or os.environ.get("TRICORD_CONFIG"), os.environ, flags), **given)

    parameters = [_option("config", "--config", str, "FILE", CONFIG_HELP)]
    for name, field in FIELDS.items():
        about = meaning(field)
        shown = "" if field.default in (False, "") else f"  [default: {_typed(field.default)}]"
        metavar = "|".join(about.choices) or about.unit.upper() or "TEXT"
        kind = bool if field.default is False else str
        parameters.append(_option(name, flag_name(name), kind, metavar, about.effect.replace("`", "") + shown))
    parameters += [
        parameter.replace(annotation=own_types[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own
    ]
    loading.__name__ = command.__name__
    loading.__doc__ = command.__doc__
    loading.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    loading.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return loading


def _typed(default: object) -> str:
    """A default as one would type it."""
    return str(default).lower() if isinstance(default, bool) else str(default).removesuffix(".0")


def _option(name: str, flag: str, kind: type, metavar: str, text: str) -> inspect.Parameter:
    option = typer.Option(flag, help=text, metavar=None if kind is bool else metavar, show_default=False)
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
