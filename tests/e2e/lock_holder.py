# SPDX-License-Identifier: Apache-2.0
"""A process that holds a lock and writes under it, for a test to pause: ``python lock_holder.py PORT NAME TTL``.

It waits until the lock is free, says ``holds REVISION``, renews its lease, and writes its name every 20 ms under the
guard that the lock's key has that create revision; after each write it says ``ok`` or ``refused``. It needs nothing but
Python.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import threading
import time
from typing import Any


def call(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One request. Raises OSError when it is not answered well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(str(answer))
    return answer


def encoded(text: str) -> str:
    """As JSON has bytes."""
    return base64.b64encode(text.encode()).decode()


def guard(revision: int) -> dict[str, Any]:
    """The lock's key was made at this revision; 0: there is none."""
    return {"key": encoded("lock"), "target": "CREATE", "result": "EQUAL", "create_revision": revision}


def put(key: str, value: str, lease: int = 0) -> dict[str, Any]:
    """One operation of a transaction."""
    return {"request_put": {"key": encoded(key), "value": encoded(value), "lease": lease}}


def tried(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """As ``call``; empty when it is not answered well, as while there is no leader."""
    try:
        return call(port, path, body)
    except (OSError, http.client.HTTPException):
        return {}


def acquire(port: int, name: str, lease: int) -> int:
    """The create revision of the lock's key, once it is this holder's."""
    look = {"request_range": {"key": encoded("lock")}}
    while True:
        request = {"compare": [guard(0)], "success": [put("lock", name, lease)], "failure": [look]}
        answer = tried(port, "/v3/kv/txn", request)
        if answer.get("succeeded"):
            return int(answer["header"]["revision"])
        for response in answer.get("responses", []):
            for found in response["response_range"].get("kvs", []):
                if found["value"] == encoded(name):  # by a try whose answer was lost
                    return int(found["create_revision"])
        time.sleep(0.02)


def main() -> None:
    """Until it is killed."""
    port, name, ttl = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    while not (granted := tried(port, "/v3/lease/grant", {"TTL": ttl})):
        time.sleep(0.02)
    lease = int(granted["ID"])

    def renew() -> None:
        while True:
            time.sleep(ttl / 3)
            tried(port, "/v3/lease/keepalive", {"ID": lease})

    threading.Thread(target=renew, daemon=True).start()
    revision = acquire(port, name, lease)
    print(f"holds {revision}", flush=True)
    while True:
        answer = tried(port, "/v3/kv/txn", {"compare": [guard(revision)], "success": [put("guarded", name)]})
        if answer:
            print("ok" if answer.get("succeeded") else "refused", flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
