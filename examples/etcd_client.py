# SPDX-License-Identifier: Apache-2.0
"""Puts a key into tricord or etcd and prints what a get brings back: ``python etcd_client.py [ENDPOINT]``."""

from __future__ import annotations

import sys

import tricord


def main(endpoint: str) -> None:
    """Put ``key`` = ``value``, get it, print it."""
    with tricord.connect(endpoint, dial_timeout=5) as store:
        store.put("key", "value")
        found = store.get("key")
        assert found is not None, "the key was just put"
        print(found.text)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:2379")
