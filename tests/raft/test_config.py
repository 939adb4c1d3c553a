# SPDX-License-Identifier: Apache-2.0
"""Settings that do not fit each other are refused before anything begins."""

from __future__ import annotations

from typing import Any

import pytest

from tricord.raft import RaftConfig


@pytest.mark.parametrize(
    "settings",
    [
        {"id": 0, "voters": (1,)},
        {"id": 1, "voters": (0, 1)},
        {"id": 1, "voters": (2, 1)},
        {"id": 1, "voters": (1, 1)},
        {"id": 1, "voters": (1,), "heartbeat_ticks": 10, "election_ticks": 10},
        {"id": 1, "voters": (1,), "heartbeat_ticks": 0},
        {"id": 1, "voters": (1,), "message_bytes_max": 0},
    ],
)
def test_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|begin"):
        RaftConfig(**settings)
