# SPDX-License-Identifier: Apache-2.0
"""Why a change of the members is refused, as etcd says it: reason <-> gRPC code and text.

A reason that etcd does not know has a text of tricord's. The door writes these, the client reads them.
"""

from __future__ import annotations

from tricord.wire.grpc.status import Status

_NO = Status.FAILED_PRECONDITION

REFUSALS: dict[str, tuple[Status, str]] = {
    "bad_urls": (Status.INVALID_ARGUMENT, "etcdserver: given member URLs are invalid"),
    "unknown_member": (Status.NOT_FOUND, "etcdserver: member not found"),
    "known_member": (_NO, "etcdserver: member ID already exist"),
    "peer_url_exists": (_NO, "etcdserver: Peer URLs already exists"),
    # The code is etcd's own mistake, and clients know it.
    "not_enough_started": (
        Status.UNKNOWN,
        "etcdserver: re-configuration failed due to not enough started members",
    ),
    "unhealthy": (Status.UNAVAILABLE, "etcdserver: unhealthy cluster"),
    "not_a_learner": (_NO, "etcdserver: can only promote a learner member"),
    "learner_behind": (_NO, "etcdserver: can only promote a learner member which is in sync with leader"),
    "too_many_learners": (_NO, "etcdserver: too many learner members in cluster"),
    "not_leader": (_NO, "etcdserver: not leader"),
    "bad_transferee": (_NO, "etcdserver: bad leader transferee"),
    "transfer_failed": (Status.UNKNOWN, "etcdserver: request timed out, leader transfer took too long"),
    "last_voter": (_NO, "tricord: a cluster needs a voter"),
    "not_a_voter": (_NO, "tricord: the member has no vote"),
    "not_ready": (_NO, "tricord: the leader has not committed in its term yet"),
    "change_pending": (_NO, "tricord: another change of the members is under way"),
    "transferring": (_NO, "tricord: the lead is being handed over"),
    "not_joint": (_NO, "tricord: the configuration is not joint"),
    "nothing_to_do": (_NO, "tricord: the change changes nothing"),
}

REASONS: dict[str, str] = {text: reason for reason, (_, text) in REFUSALS.items()}
"""Text -> reason."""

SCHEMES = ("http", "https")


def valid_peer_urls(urls: list[str]) -> bool:
    """Whether each is a scheme, a host and a port that can be dialled, nothing behind, and there is one at least."""
    return bool(urls) and all(map(_is_valid, urls))


def _is_valid(url: str) -> bool:
    scheme, separator, rest = url.strip().partition("://")
    host, colon, port = rest.rpartition(":")
    if scheme not in SCHEMES or not separator or not colon or not host:
        return False
    if set(rest) & set("/?#@ \t\r\n") or (":" in host and not (host[0] == "[" and host[-1] == "]")):
        return False
    return port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536
