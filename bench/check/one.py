# SPDX-License-Identifier: Apache-2.0
"""One history file, one model, in a process of its own: verdict, seconds and memory as one JSON object on stdout."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import msgspec

from tricord.check.finding import Limits
from tricord.check.history import History, Operation
from tricord.check.models import check_of


def main() -> None:
    """``python -m bench.check.one FILE MODEL TIMEOUT_SECONDS``."""
    path, model, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    check = check_of(model)
    begun = time.perf_counter()
    with Path(path).open("rb") as stream:
        decode = msgspec.json.Decoder(Operation).decode
        history = History(map(decode, stream))
    parsed = time.perf_counter()
    limits = Limits(steps=1 << 60, expired=lambda: time.perf_counter() - parsed > seconds)
    finding = check(history, limits)
    done = time.perf_counter()
    answer = {
        "verdict": finding.verdict.value,
        "anomaly": finding.anomaly,
        "reason": finding.reason,
        "operations": len(finding.operations),
        "parse_seconds": parsed - begun,
        "check_seconds": done - parsed,
        "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "statistics": finding.statistics,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
