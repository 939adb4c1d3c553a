# SPDX-License-Identifier: Apache-2.0
"""The error for words on the command line that do not fit together."""

from __future__ import annotations

from tricord.base.errors import ConfigurationError


class WrongUsage(ConfigurationError):
    """What was typed cannot be meant; nothing was sent."""

    code = "usage"
    summary = "the command is not used as it can be"
    hint = "--help shows what the command takes"
