# SPDX-License-Identifier: Apache-2.0
"""Where a member's settings come from: TOML file < ``TRICORD_*`` environment < flags, always.

A key that is not a setting is an error with a suggestion, in the file and in the environment alike, so that a typing
error never runs a member with a default. The origin of each value is kept for ``tricord config show``.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from tricord.base.errors import ConfigurationError
from tricord.base.message import message
from tricord.server.configuration import Configuration, meaning

PREFIX = "TRICORD_"
OTHER_VARIABLES = frozenset(f"TRICORD_{name}" for name in ("CONFIG", "ENDPOINTS", "TIMEOUT", "CACERT", "CERT", "KEY"))
"""Variables of the command line that are no settings of a member."""

# Kubernetes sets these in every pod beside a service called "tricord"; nobody typed them.
SERVICE_LINK = re.compile(r"TRICORD_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")

SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)?")
SIZE_UNITS = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})

FIELDS: dict[str, dataclasses.Field[Any]] = {field.name: field for field in dataclasses.fields(Configuration)}


@message
class Loaded:
    """A configuration and, by the name of each setting, where its value came from."""

    configuration: Configuration
    origins: dict[str, str]


def load(file: str | None, environment: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Read and check the settings.

    ``file`` is a path or None; ``flags`` maps names of settings to what was given, None for a flag that was not.
    Raises ConfigurationError.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(FIELDS, "default")
    for name, value in (_read_file(file) if file else {}).items():
        _known(name, f"{file}: ", str)
        values[name] = convert(name, value, f"{file}: {name}")
        origins[name] = f"file {file}"
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES or SERVICE_LINK.fullmatch(variable):
            continue
        name = variable.removeprefix(PREFIX).lower()
        _known(name, "environment: ", variable_name)
        values[name] = convert(name, text, variable)
        origins[name] = f"environment {variable}"
    for name, given in flags.items():
        if given is not None:
            values[name] = convert(name, given, flag_name(name))
            origins[name] = f"flag {flag_name(name)}"
    return Loaded(Configuration(**values), origins)


def variable_name(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag_name(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def convert(name: str, value: object, where: str) -> Any:
    """Make ``value`` the type of setting ``name``; texts are read as numbers, sizes (``64MiB``) and truth values.

    Raises ConfigurationError, naming ``where`` the value stands.
    """
    field = FIELDS[name]
    wanted: type[Any] = type(field.default)
    if wanted is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in TRUE | FALSE:
            return value.lower() in TRUE
        raise ConfigurationError(f"{where} must be true or false, not {value!r}")
    if wanted is str:
        if isinstance(value, str):
            return value
        raise ConfigurationError(f"{where} must be text, not {value!r}")
    if isinstance(value, str):
        value = _number(value.strip(), wanted, meaning(field).unit)
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if wanted is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    unit = meaning(field).unit
    kind = "a size, as 1572864 or 64MiB" if unit == "bytes" else f"a number of {unit}" if unit else "a number"
    raise ConfigurationError(f"{where} must be {kind}, not {value!r}")


def _number(text: str, wanted: type, unit: str) -> object:
    if wanted is float:
        try:
            return float(text)
        except ValueError:
            return text
    match = SIZE.fullmatch(text)
    if match is None or (match[2] and unit != "bytes"):
        return text
    return int(match[1]) * SIZE_UNITS[match[2]]


def _read_file(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error


def _known(name: str, where: str, written: Callable[[str], str]) -> None:
    if name in FIELDS:
        return
    close = difflib.get_close_matches(name, FIELDS, 1, 0.5)
    suggestion = f"did you mean {written(close[0])}?" if close else "`tricord config show` lists all settings"
    raise ConfigurationError(f"{where}{written(name)} is not a setting; {suggestion}")
