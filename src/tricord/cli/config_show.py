# SPDX-License-Identifier: Apache-2.0
"""``tricord config show``: each setting, its value and where it came from."""

from __future__ import annotations

from typing import Annotated

import typer

from tricord.cli.output import write_json, write_rows
from tricord.server.configuration_sources import Loaded


def show(
    loaded: Loaded,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print each setting of a member, its value and where it came from.

    Takes the flags of `tricord serve`, so that the same command line can be tried first.

    \b
    Examples:
      tricord config show
      tricord config show --config tricord.toml --json
    """
    values = {name: getattr(loaded.configuration, name) for name in loaded.origins}
    if as_json:
        write_json({name: {"value": value, "origin": loaded.origins[name]} for name, value in values.items()})
    else:
        rows = ((name, _as_toml(value), loaded.origins[name]) for name, value in values.items())
        write_rows(("setting", "value", "from"), rows)


def _as_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
