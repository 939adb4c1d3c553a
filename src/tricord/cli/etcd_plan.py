# SPDX-License-Identifier: Apache-2.0
"""From etcd's flags to a member's settings: checked in etcd's order, with etcd's words.

``verify`` is what etcd does before it says "Running"; ``plan`` what it finds out when it starts.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from tricord.base.errors import ConfigurationError
from tricord.base.message import message
from tricord.cli import etcd_values as values
from tricord.cli.etcd_arguments import Given, NotVerified, check_doubles, check_refused, quoted
from tricord.cli.etcd_cluster import NoCluster, bootstrap_members, own_urls
from tricord.cli.etcd_discovery import members_by_srv
from tricord.server.address import Address
from tricord.server.configuration import GIB, MIB, Configuration

ELECTION_MAX = 50_000
QUOTA_DEFAULT = 2 * GIB
QUOTA_NONE = 1 << 40
"""A negative quota means none in etcd; the store's map needs some bound."""
REQUEST_RECOMMENDED = 10 * MIB
VERSIONS = ("TLS1.2", "TLS1.3")
LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40, "dpanic": 50, "panic": 50, "fatal": 50}
DATA_DIR_SUFFIX = ".etcd"
HEALTH_INTERVAL_SECONDS = 5.0
"""etcd counts on a member that was connected for so long; until then it calls the cluster unhealthy."""


class NotStarted(ConfigurationError):
    """What the member finds out when it starts: etcd logs it as fatal and exits with 1."""

    code = "etcd_start"
    summary = "the member cannot start with these flags"
    hint = "docs/etcd-command.md says what each flag does"


@message
class Plan:
    """What the member does. URLs are as they were given."""

    configuration: Configuration
    client_urls: tuple[str, ...]
    http_urls: tuple[str, ...]
    metrics_urls: tuple[str, ...]
    peer_urls: tuple[str, ...]
    advertised_clients: tuple[str, ...]
    advertised_peers: tuple[str, ...]


def verify(given: Given) -> None:
    """What is wrong with the flags alone. Raises NotVerified."""
    said = given.values
    check_doubles(given)
    check_refused(given)
    _verify_log(said)
    for name in ("listen-peer-urls", "listen-client-urls", "listen-client-http-urls", "listen-metrics-urls"):
        _verify_bound(said[name])
    if not said["listen-client-http-urls"]:
        text = "Running http and grpc server on single port. This is not recommended for production."
        given.warnings.append((text, {}))
    for name in ("initial-advertise-peer-urls", "advertise-client-urls"):
        _verify_advertised(name, said[name])
    _verify_cluster(given)
    _verify_times(said)
    if given.is_set("listen-client-urls") and not given.config_file and not given.is_set("advertise-client-urls"):
        raise NotVerified("--advertise-client-urls is required when --listen-client-urls is set explicitly")
    if said["auto-compaction-mode"] not in ("periodic", "revision"):
        mode = said["auto-compaction-mode"]
        raise NotVerified(f"unknown auto-compaction-mode {quoted(mode)}" if mode else "undefined auto-compaction-mode")
    _verify_gates(said)
    if said["name"] == "default":
        text = (
            "it isn't recommended to use default name, please set a value for --name. Note that etcd might run into"
            " issue when multiple members have the same default name"
        )
        given.warnings.append((text, {"name": "default"}))
    _verify_tls(said)


def _verify_log(said: dict[str, Any]) -> None:
    if said["logger"] == "capnslog":
        raise NotVerified("--logger=capnslog is removed in v3.5")
    if said["logger"] != "zap":
        raise NotVerified(f"unknown logger option {quoted(said['logger'])}")
    if said["log-format"] not in ("json", "console"):
        raise NotVerified(f"unknown log format: {said['log-format']}, supported values json, console")
    if len(said["log-outputs"]) > 1 and "default" in said["log-outputs"]:
        raise NotVerified('multi logoutput for "default" is not supported yet')


def _verify_bound(urls: tuple[str, ...]) -> None:
    for url in urls:
        if url.startswith("unix"):
            raise NotVerified(f"tricord listens on no unix sockets ({url})")
        host = urlsplit(url).hostname or ""
        if host != "localhost" and not _is_ip(host):
            raise NotVerified(f"expected IP in URL for binding ({url})")


def _is_ip(host: str) -> bool:
    address = Address(host, 0)
    return address.is_wildcard or address.is_ip


def _verify_advertised(name: str, urls: tuple[str, ...]) -> None:
    for url in urls:
        if not urlsplit(url).hostname:
            text = ",".join(urls)
            raise NotVerified(f'--{name} {quoted(text)} must be "host:port" (unexpected empty host ({url}))')


def _verify_cluster(given: Given) -> None:
    said = given.values
    if said["discovery-fallback"] == "proxy":
        raise NotVerified('v2 proxy is deprecated, and --discovery-fallback can\'t be configured as "proxy"')
    if said["discovery-srv"] and given.is_set("initial-cluster") and said["initial-cluster"]:
        raise NotVerified(
            'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery",'
            ' "discovery-endpoints" or "discovery-srv"'
        )


def _verify_times(said: dict[str, Any]) -> None:
    heartbeat, election = said["heartbeat-interval"], said["election-timeout"]
    if not heartbeat:
        raise NotVerified(f"--heartbeat-interval must be >0 (set to {heartbeat}ms)")
    if not election:
        raise NotVerified(f"--election-timeout must be >0 (set to {election}ms)")
    if 5 * heartbeat > election:
        raise NotVerified(
            f"--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]"
        )
    if election > ELECTION_MAX:
        raise NotVerified(f"--election-timeout[{election}ms] is too long, and should be set less than {ELECTION_MAX}ms")
    if said["compact-hash-check-time"] <= 0:
        raise NotVerified(f"--compact-hash-check-time must be >0 (set to {said['compact-hash-check-time']:g}s)")


def _verify_gates(said: dict[str, Any]) -> None:
    gates = said["feature-gates"]
    checkpoint = gates.get("LeaseCheckpoint", said["enable-lease-checkpoint"] or gates.get("AllAlpha", False))
    persist = gates.get("LeaseCheckpointPersist", said["enable-lease-checkpoint-persist"])
    if persist and not checkpoint:
        raise NotVerified("enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint")


def _verify_tls(said: dict[str, Any]) -> None:
    low, high = said["tls-min-version"], said["tls-max-version"]
    for version in (low, high):
        if version and version not in VERSIONS:
            raise NotVerified(f"unexpected TLS version {quoted(version)} (must be one of: TLS1.2, TLS1.3)")
    if low and high and low > high:
        raise NotVerified(f"min version ({low}) is greater than max version ({high})")
    if low == "TLS1.3" and said["cipher-suites"]:
        raise NotVerified("cipher suites cannot be configured when only TLS1.3 is enabled")


def plan(given: Given) -> Plan:
    """What the member does. Raises NotStarted, ConfigurationError."""
    said = given.values
    name = said["name"] or "default"
    directory = said["data-dir"] or f"{name}{DATA_DIR_SUFFIX}"
    listed = name
    advertised_peers, cluster = bootstrap_members(given, name)
    is_new = not os.path.exists(f"{directory}/identity")
    if said["discovery-srv"]:
        try:
            cluster, listed = members_by_srv(said["discovery-srv"], said["discovery-srv-name"], name, advertised_peers)
        except NoCluster:
            if is_new:
                raise
            cluster = ""
    if not own_urls(cluster, listed):
        if is_new:
            raise NotStarted(f"couldn't find local name {quoted(name)} in the initial cluster configuration")
        cluster = ""  # only looked at while the directory is empty
    request_bytes = min(max(said["max-request-bytes"], 1), 256 * MIB)
    configuration = Configuration(
        name=name,
        data_dir=directory,
        listen=_address(said["listen-client-urls"][0]),
        advertise=_dialled(said["listen-client-urls"][0]),
        listen_peer=_address(said["listen-peer-urls"][0]),
        advertise_peer=_first_peer(cluster, listed) or _dialled(said["listen-peer-urls"][0]),
        initial_cluster=cluster,
        initial_name=listed if listed != name else "",
        initial_cluster_token=said["initial-cluster-token"] or "etcd-cluster",
        initial_cluster_state=said["initial-cluster-state"],
        heartbeat_interval=max(said["heartbeat-interval"], 10),
        election_timeout=max(said["election-timeout"], 50),
        insecure=True,
        max_request_bytes=request_bytes,
        max_txn_operations=min(max(said["max-txn-ops"], 1), 100_000),
        max_concurrent_streams=min(max(said["max-concurrent-streams"], 1), 1_000_000),
        quota_bytes=_quota(said["quota-backend-bytes"]),
        segment_bytes=max(64 * MIB, 4 * request_bytes),
        auto_compaction_mode=said["auto-compaction-mode"],
        auto_compaction_retention=_retention(said["auto-compaction-mode"], said["auto-compaction-retention"]),
        watch_progress_notify_seconds=max(said["watch-progress-notify-interval"], 0.001),
        max_learners=min(max(said["max-learners"], 0), 1_000),
        strict_reconfig_check=said["strict-reconfig-check"],
        steady_seconds=HEALTH_INTERVAL_SECONDS,
        log_slack_entries=min(said["snapshot-catchup-entries"] + said["snapshot-count"], 1 << 40),
        force_new_cluster=said["force-new-cluster"],
        corrupt_check_seconds=min(max(said["corrupt-check-time"], 0), 1 << 31),
        initial_corrupt_check=said["initial-corrupt-check"] or said["feature-gates"].get("InitialCorruptCheck", False),
    )
    return Plan(
        configuration=configuration,
        client_urls=said["listen-client-urls"],
        http_urls=said["listen-client-http-urls"],
        metrics_urls=said["listen-metrics-urls"],
        peer_urls=said["listen-peer-urls"],
        advertised_clients=said["advertise-client-urls"],
        advertised_peers=advertised_peers,
    )


def address_of(url: str) -> Address:
    """Host and port of a URL that is listened on; ``localhost`` is 127.0.0.1, as it is for etcd."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        port = None
    if port is None:
        raise NotStarted(f"listen tcp: address {parts.netloc.rpartition(':')[2]}: invalid port")
    return Address("127.0.0.1" if host == "localhost" else host, port)


def _address(url: str) -> str:
    return str(address_of(url))


def _dialled(url: str) -> str:
    """An address that can be dialled, for the settings: what is told to others are the advertised URLs."""
    address = address_of(url)
    return str(Address("127.0.0.1", address.port) if address.is_wildcard else address)


def _first_peer(cluster: str, name: str) -> str:
    urls = own_urls(cluster, name)
    return urlsplit(urls[0]).netloc if urls else ""


def _quota(said: int) -> int:
    if said == 0:
        return QUOTA_DEFAULT
    return min(said, 1 << 44) if said > 0 else QUOTA_NONE


def _retention(mode: str, text: str) -> float:
    """Seconds, or revisions; a bare number is hours or revisions."""
    try:
        number = values.int64(text) if text[:1] not in "+-" or text[1:].isdigit() else None
    except ValueError:
        number = None
    if number is not None and number >= 0:
        return float(number if mode == "revision" else number * 3600)
    try:
        seconds = values.duration(text)
    except ValueError:
        what = "missing unit in duration" if text.lstrip("+-").isdigit() else "invalid duration"
        raise NotStarted(f"error parsing CompactionRetention: time: {what} {quoted(text)}") from None
    # etcd counts a time as so many revisions of one nanosecond: it never compacts then, in practice.
    return max(seconds * 1e9 if mode == "revision" else seconds, 0.0)
