# SPDX-License-Identifier: Apache-2.0
"""What the flags, the environment and the configuration file of ``tricord etcd`` say, read as etcd reads them.

A configuration file stands alone: with one, other flags and variables are ignored. Otherwise each flag that is not on
the command line may be in the environment, and one that is in both is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tricord.base.errors import ConfigurationError
from tricord.cli.etcd_flags import EXPERIMENTAL, FEATURE_OF_FLAG, FLAGS, Flag, find

PREFIX = "ETCD_"
CONFIG_FILE = "config-file"


class FlagFault(ConfigurationError):
    """A flag that cannot be read: etcd says so in one line, shows its usage, and exits with 2."""

    code = "etcd_flag"
    summary = "a flag cannot be read"
    hint = "`tricord etcd --help` lists the flags"


class NotVerified(ConfigurationError):
    """Flags that do not fit: etcd logs "failed to verify flags" and exits with 1."""

    code = "etcd_flags"
    summary = "the flags do not fit together"
    hint = "docs/etcd-command.md says what each flag does"


class Shadowed(ConfigurationError):
    """A variable and a flag say the same: etcd stops, exit code 1."""

    code = "etcd_variable"
    summary = "a variable of the environment is shadowed by a flag"
    hint = "unset the variable or leave out the flag"


@dataclass(slots=True)
class Given:
    """What was said. ``values`` has all flags; ``explicit`` the names of those that were given, as written."""

    values: dict[str, Any]
    explicit: set[str] = field(default_factory=set)
    warnings: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    config_file: str = ""
    wants_help: bool = False
    wants_version: bool = False
    leftover: str = ""

    def is_set(self, name: str) -> bool:
        """Whether the flag was given, by whichever of its names."""
        return name in self.explicit or EXPERIMENTAL + name in self.explicit

    def set(self, written: str, flag: Flag, text: str) -> None:
        """Take a value. Raises ValueError with etcd's words."""
        self.put(written, flag, flag.parse(text))

    def put(self, written: str, flag: Flag, value: Any) -> None:
        """Take a value that is read already."""
        self.values[flag.name] = value
        self.explicit.add(written)


def defaults() -> Given:
    """Nothing was said."""
    return Given({name: flag.parse(flag.default) if flag.default else _nothing(flag) for name, flag in FLAGS.items()})


def _nothing(flag: Flag) -> Any:
    try:
        return flag.parse("")
    except ValueError:
        return ""


def quoted(text: str) -> str:
    """As Go quotes it."""
    return json.dumps(text, ensure_ascii=False)


def read_command_line(arguments: Sequence[str]) -> Given:
    """By the rules of Go's flag package: ``-flag``, ``--flag``, ``--flag=value``, ``--flag value``; a boolean takes its
    value behind ``=`` alone. Raises FlagFault."""
    given = defaults()
    rest = list(arguments)
    while rest:
        word = rest[0]
        if len(word) < 2 or word[0] != "-":
            break
        rest.pop(0)
        if word == "--":
            break
        name = word[2:] if word.startswith("--") else word[1:]
        if not name or name[0] in "-=":
            raise FlagFault(f"bad flag syntax: {word}")
        name, equals, text = name.partition("=")
        _take(given, name, text if equals else None, rest)
        if given.wants_help:
            return given
    given.leftover = rest[0] if rest else ""
    return given


def _take(given: Given, name: str, text: str | None, rest: list[str]) -> None:
    flag = find(name)
    if name in ("help", "h"):
        given.wants_help = True
        return
    if name == "version":
        given.wants_version = _boolean(name, text)
        return
    if flag is None and name != CONFIG_FILE:
        raise FlagFault(f"flag provided but not defined: -{name}")
    if flag is not None and flag.is_boolean:
        given.put(name, flag, _boolean(name, text))
        return
    if text is None:
        if not rest:
            raise FlagFault(f"flag needs an argument: -{name}")
        text = rest.pop(0)
    if flag is None:
        given.config_file = text
        return
    try:
        given.set(name, flag, text)
    except ValueError as error:
        raise FlagFault(f"invalid value {quoted(text)} for flag -{name}: {error}") from None


def _boolean(name: str, text: str | None) -> bool:
    flag = FLAGS["auto-tls"]
    try:
        return True if text is None else bool(flag.parse(text))
    except ValueError as error:
        raise FlagFault(f"invalid boolean value {quoted(text or '')} for -{name}: {error}") from None


def read_environment(given: Given, environment: Mapping[str, str]) -> None:
    """Take from ``ETCD_*`` what the command line did not say. Raises Shadowed, NotVerified."""
    on_command_line = set(given.explicit)
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable == variable_name(CONFIG_FILE):
            continue
        name = variable.removeprefix(PREFIX).lower().replace("_", "-")
        flag = find(name) if variable == variable_name(name) else None
        if variable == "ETCD_VERSION":
            given.warnings.append(("cannot set special environment variable", {"key": variable, "value": text}))
        elif flag is None:
            told: dict[str, object] = {"environment-variable": f"{variable}={text}"}
            given.warnings.append(("unrecognized environment variable", told))
        elif name in on_command_line:
            raise Shadowed(variable)
        elif text:
            try:
                given.set(name, flag, text)
            except ValueError as error:
                raise NotVerified(f"invalid value {quoted(text)} for {variable}: {error}") from None


def variable_name(flag: str) -> str:
    """The variable of a flag."""
    return PREFIX + flag.upper().replace("-", "_")


def check_doubles(given: Given) -> None:
    """No flag was given by both its names. Raises NotVerified."""
    gates = given.values["feature-gates"]
    for written in sorted(given.explicit):
        plain = written.removeprefix(EXPERIMENTAL)
        if plain == written:
            continue
        feature = FEATURE_OF_FLAG.get(plain)
        if feature is not None and feature in gates:
            on, gate = str(gates[feature]).lower(), f"--feature-gates={feature}"
            mine = str(given.values[plain]).lower()
            raise NotVerified(
                f"cannot specify both flags: --{written}={mine} and {gate}={on} at the same time,"
                f" please just use {gate}={on}"
            )
        if plain in given.explicit:
            raise NotVerified(f"cannot set --{written} and --{plain} at the same time, please use --{plain} only")


def check_refused(given: Given) -> None:
    """Nothing was asked for whose being ignored would do harm. Raises NotVerified."""
    for name, flag in FLAGS.items():
        if flag.refused and given.values[name] != (flag.parse(flag.default) if flag.default else _nothing(flag)):
            raise NotVerified(f"--{name} is not served by tricord: {flag.refused}")
