# SPDX-License-Identifier: Apache-2.0
"""An edge as a program: writes numbers to keyspaces of both models, and says each on a line, until it is killed."""

from __future__ import annotations

import sys
from itertools import count

import tricord


def main(directory: str, endpoint: str, start: str) -> None:
    with tricord.open(directory, replicate_with=endpoint) as store:
        causal, eventual = store.keyspace("kc", model="causal"), store.keyspace("ke", model="eventual")
        print("ready", flush=True)
        for number in count(int(start)):
            causal.put(f"numbers/{number:06}", str(number))
            eventual.put(f"numbers/{number:06}", str(number))
            print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
