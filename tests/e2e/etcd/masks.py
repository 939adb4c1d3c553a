# SPDX-License-Identifier: Apache-2.0
"""What two servers that behave alike may answer differently in scripts of ``steps``, each with its reason."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from tests.e2e.etcd.speaker import MASKED, REVISIONS, Speaker

# Field -> why two servers may differ in it, beyond those of every script.
MORE_MASKED = {
    "memberID": "each member has its own",
    "hash": "another storage engine",
    "leader": "each member has its own",
}
# A number that a script chose is below this; one that a server chose is above.
CHOSEN_BY_SERVER = 1 << 32
MORE_REVISIONS = (*REVISIONS, "compact_revision", "hash_revision", "rev", "start_revision")
LONGEST = 2000
# Where servers of tests listen; scripts choose other addresses.
OWN_PLACES = ("http://127.0.0.1:", "https://127.0.0.1:")

# Two numbers of addresses of members that scripts add, other ones in each run.
RUN = "RUN"
RUN_PLACE = re.compile(r"127\.\d+\.\d+")

LEASE_OF_SERVER = re.compile(rb"/[0-9a-f]{9,16}$")
MEMBER_IN_TEXT = re.compile(r"(memberID:|member |\b)[0-9a-f]{10,20}\b")


def masked(value: Any, base: int, names: dict[str, str], seconds: int) -> Any:
    """A message's fields with revisions counted from ``base``, what has a name by its name, and the rest masked.

    ``seconds``, at most, have passed since any lease was granted or renewed.
    """
    if isinstance(value, list):
        return [masked(item, base, names, seconds) for item in value]
    if not isinstance(value, dict):
        return shortened(value) if isinstance(value, str) else value
    fields = {name: field(name, item, base, names, seconds) for name, item in value.items()}
    if "grantedTTL" in value:
        lost = int(value["grantedTTL"]) - int(value.get("TTL", 0))
        fields["TTL"] = "what is left" if 0 <= lost <= seconds else value.get("TTL")
    return fields


def field(name: str, item: Any, base: int, names: dict[str, str], seconds: int) -> Any:
    """One field's value."""
    if isinstance(item, str) and item in names:
        return f"<{names[item]}>"
    if name in ("ID", "lease"):
        return "of the server" if abs(int(item)) >= CHOSEN_BY_SERVER else item
    if name in ("peerURLs", "clientURLs"):
        return ["its own" if url.startswith(OWN_PLACES) else RUN_PLACE.sub(f"127.{RUN}", url) for url in item]
    if name in (
        "members",
        "leases",
    ):  # in the order of ids; etcd lists leases by their end, as the asked member sees it
        return sorted(masked(item, base, names, seconds), key=repr)
    if name != "name" and (name in MASKED or name in MORE_MASKED) and not isinstance(item, dict):
        return "masked"
    if name in MORE_REVISIONS:
        return str(int(item) - base) if int(item) > 0 else item
    if name == "errors":
        return [without_ids(text) for text in item]
    if name in ("message", "error") and isinstance(item, str):
        return Speaker.text(item)
    if name in ("key", "keys", "name") and isinstance(item, str):
        return lock_key(item)
    return masked(item, base, names, seconds)


def lock_key(encoded: str) -> str:
    """A key in base64; what it ends in, if it is the number of a lease that the server chose, is masked."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return encoded
    return LEASE_OF_SERVER.sub(b"/of the server", key).decode("latin-1") if LEASE_OF_SERVER.search(key) else encoded


def shortened(text: str) -> str:
    """A long text by its length and digest: failures are read by people."""
    if len(text) <= LONGEST:
        return text
    return f"{len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()}"


def without_ids(text: str) -> str:
    """A text without the ids of members, which each cluster draws for itself."""
    return MEMBER_IN_TEXT.sub(r"\1...", text)
