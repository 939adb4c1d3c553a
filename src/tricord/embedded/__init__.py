# SPDX-License-Identifier: Apache-2.0
"""A store in this process: no server, no port, the same client."""

from __future__ import annotations

from tricord.embedded.opening import open, open_async

__all__ = ["open", "open_async"]
