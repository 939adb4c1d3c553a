# SPDX-License-Identifier: Apache-2.0
"""Every flag of ``tricord etcd``: what kind of value it takes, etcd's default, and what it does here.

A flag that etcd has and that does nothing here says why; one whose being ignored would do harm is refused by name, when
it is given another value than its default. Names, kinds and defaults are those of etcd 3.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.base.message import message
from tricord.cli import etcd_values as values

EXPERIMENTAL = "experimental-"


@message
class Flag:
    """``default`` is the text of the default. ``ignored`` says why the flag does nothing, ``refused`` why it cannot be
    given; with neither, it does what ``effect`` says."""

    name: str
    parse: Callable[[str], Any]
    default: str
    effect: str = ""
    ignored: str = ""
    refused: str = ""

    @property
    def about(self) -> str:
        """What it does, or why it does nothing."""
        if self.ignored:
            return f"no effect: {self.ignored}"
        return f"refused: {self.refused}" if self.refused else self.effect

    @property
    def is_boolean(self) -> bool:
        """Whether it may stand without a value."""
        return self.parse is values.boolean


_BOLT = "tricord's store is no bbolt: it commits in the background, and no answer waits for that"
_ALWAYS = "always on"
_DISCOVERY = "cluster discovery by another etcd is not there: name the members with --initial-cluster"
_COMPARED = "members compare what they decided every few seconds anyway; see --corrupt-check-time for the rest"
_LEASES = "the lead gives leases their full time anew, and logged checkpoints keep long ones from living for ever"
_TRACING = "tricord exports no traces"
_SLOW = "slow requests are counted in /metrics, not logged one by one"
_FILES = "tricord keeps no snapshot files; what it keeps of the log is bounded by --snapshot-catchup-entries"
_ADDRESSES = "where a member dials from is not compared with its certificate"
_SLICES = "compaction goes in slices of its own, under a millisecond each"
_AUTH = "authentication is not there yet"

_TABLE: tuple[Flag, ...] = (
    # --- the member ---
    Flag("name", values.text, "default", "the member's name"),
    Flag("data-dir", values.text, "", "where the member keeps its data; empty: `NAME.etcd` in the current directory"),
    Flag("wal-dir", values.text, "", refused="log and store share a data directory"),
    Flag("snapshot-count", values.uint64, "10000", "so many entries more of the log are kept before it is cut"),
    Flag("snapshot-catchup-entries", values.uint64, "5000", "entries of the log that are kept for members that lag"),
    Flag("heartbeat-interval", values.uint64, "100", "milliseconds between heartbeats"),
    Flag("election-timeout", values.uint64, "1000", "milliseconds of silence after which a leader is replaced"),
    Flag("initial-election-tick-advance", values.boolean, "true", ignored="who is alone leads at once anyway"),
    Flag("listen-peer-urls", values.urls, "http://localhost:2380", "where other members connect"),
    Flag("listen-client-urls", values.urls, "http://localhost:2379", "where clients connect: gRPC and HTTP"),
    Flag("listen-client-http-urls", values.urls, "", "where HTTP is served instead; the client URLs then speak gRPC"),
    Flag("max-snapshots", values.uint64, "5", ignored=_FILES),
    Flag("max-wals", values.uint64, "5", ignored=_FILES),
    Flag("memory-mlock", values.boolean, "false", ignored="the store is read through the page cache"),
    Flag("quota-backend-bytes", values.int64, "0", "the store's quota; 0: 2 GiB, negative: none"),
    Flag("backend-bbolt-freelist-type", values.text, "map", ignored=_BOLT),
    Flag("backend-batch-interval", values.duration, "0s", ignored=_BOLT),
    Flag("backend-batch-limit", values.int64, "0", ignored=_BOLT),
    Flag("max-txn-ops", values.uint64, "128", "the most operations of a transaction"),
    Flag("max-request-bytes", values.uint64, "1572864", "the largest request"),
    Flag("max-concurrent-streams", values.uint32, "4294967295", "calls that a connection may have open at once"),
    Flag("grpc-keepalive-min-time", values.duration, "5s", ignored="a client may ping as often as it likes"),
    Flag("grpc-keepalive-interval", values.duration, "2h0m0s", "a client that is silent for so long is pinged"),
    Flag("grpc-keepalive-timeout", values.duration, "20s", "and is dropped when nothing comes so long after that"),
    Flag("socket-reuse-port", values.boolean, "false", "SO_REUSEPORT on all listeners"),
    Flag("socket-reuse-address", values.boolean, "false", ignored=_ALWAYS),
    Flag("enable-grpc-gateway", values.boolean, "true", "whether the JSON gateway is served"),
    Flag("raft-read-timeout", values.duration, "5s", ignored="links to members live as long as their heartbeats come"),
    Flag("raft-write-timeout", values.duration, "5s", ignored="links to members live as long as their heartbeats come"),
    Flag("feature-gates", values.feature_gates, "", "gates of etcd; their names are checked"),
    # --- the cluster ---
    Flag("initial-advertise-peer-urls", values.urls, "http://localhost:2380", "where other members dial this one"),
    Flag("initial-cluster", values.text, "", "the members of the cluster as `NAME=URL,...`; empty: this member alone"),
    Flag(
        "initial-cluster-state",
        values.one_of("new", "existing"),
        "new",
        "whether the cluster is to be made, or is there already",
    ),
    Flag("initial-cluster-token", values.text, "etcd-cluster", "sets clusters of the same members apart"),
    Flag("advertise-client-urls", values.urls, "http://localhost:2379", "where clients are told to dial this member"),
    Flag("discovery", values.text, "", refused=_DISCOVERY),
    Flag("discovery-token", values.text, "", refused=_DISCOVERY),
    Flag("discovery-endpoints", values.unique_texts, "", refused=_DISCOVERY),
    Flag("discovery-dial-timeout", values.duration, "2s", ignored=_DISCOVERY),
    Flag("discovery-request-timeout", values.duration, "5s", ignored=_DISCOVERY),
    Flag("discovery-keepalive-time", values.duration, "2s", ignored=_DISCOVERY),
    Flag("discovery-keepalive-timeout", values.duration, "6s", ignored=_DISCOVERY),
    Flag("discovery-insecure-transport", values.boolean, "true", ignored=_DISCOVERY),
    Flag("discovery-insecure-skip-tls-verify", values.boolean, "false", ignored=_DISCOVERY),
    Flag("discovery-cert", values.text, "", refused=_DISCOVERY),
    Flag("discovery-key", values.text, "", refused=_DISCOVERY),
    Flag("discovery-cacert", values.text, "", refused=_DISCOVERY),
    Flag("discovery-user", values.text, "", refused=_DISCOVERY),
    Flag("discovery-password", values.text, "", refused=_DISCOVERY),
    Flag("discovery-fallback", values.one_of("exit", "proxy"), "exit", ignored=_DISCOVERY),
    Flag("discovery-proxy", values.text, "", refused=_DISCOVERY),
    Flag("discovery-srv", values.text, "", "a domain whose SRV records name the members of the cluster"),
    Flag("discovery-srv-name", values.text, "", "a suffix of the service that those records are of"),
    Flag(
        "strict-reconfig-check",
        values.boolean,
        "true",
        "refuse changes of members that could cost the quorum; a member counts once connected for 5 s",
    ),
    Flag("pre-vote", values.boolean, "true", ignored=_ALWAYS),
    Flag("auto-compaction-retention", values.text, "0", "how much history is kept; 0: all"),
    Flag("auto-compaction-mode", values.text, "periodic", "whether that is a time or a number of revisions"),
    Flag("v2-deprecation", values.text, "write-only", ignored="tricord has no v2 store"),
    Flag("max-learners", values.int64, "1", "how many learners there may be"),
    # --- TLS ---
    Flag("cert-file", values.text, "", "the certificate of https client URLs"),
    Flag("key-file", values.text, "", "its key"),
    Flag("client-cert-file", values.text, "", ignored="the gateway asks the member within the process"),
    Flag("client-key-file", values.text, "", ignored="the gateway asks the member within the process"),
    Flag("client-cert-auth", values.boolean, "false", "clients must show a certificate of --trusted-ca-file"),
    Flag("client-crl-file", values.text, "", refused="revocation lists are not read"),
    Flag("client-cert-allowed-hostname", values.texts, "", "hosts, one of which a client's certificate must name"),
    Flag("trusted-ca-file", values.text, "", "the authority of clients' certificates; with it they must show one"),
    Flag("auto-tls", values.boolean, "false", "https client URLs with a certificate made for this member"),
    Flag("peer-cert-file", values.text, "", "the certificate that this member shows to others"),
    Flag("peer-key-file", values.text, "", "its key"),
    Flag("peer-client-cert-auth", values.boolean, "false", "members must show a certificate of --peer-trusted-ca-file"),
    Flag("peer-client-cert-file", values.text, "", "another certificate for dialling members"),
    Flag("peer-client-key-file", values.text, "", "its key"),
    Flag("peer-trusted-ca-file", values.text, "", "the authority of members' certificates; with it they must show one"),
    Flag("peer-cert-allowed-cn", values.texts, "", "common names, one of which a member's certificate must have"),
    Flag("peer-cert-allowed-hostname", values.texts, "", "hosts, one of which a member's certificate must name"),
    Flag("peer-auto-tls", values.boolean, "false", "https peer URLs with a certificate made for this member"),
    Flag("peer-crl-file", values.text, "", refused="revocation lists are not read"),
    Flag(
        "peer-skip-client-san-verification",
        values.boolean,
        "false",
        ignored=_ADDRESSES,
    ),
    Flag("self-signed-cert-validity", values.uint64, "1", "years that certificates made for this member are valid"),
    Flag("cipher-suites", values.texts, "", "cipher suites of TLS 1.2, by their names in Go"),
    Flag("tls-min-version", values.text, "TLS1.2", "TLS1.2 or TLS1.3"),
    Flag("tls-max-version", values.text, "", "TLS1.2 or TLS1.3; empty: the newest"),
    Flag("cors", values.text, "*", refused="the gateway answers for no origins"),
    Flag("host-whitelist", values.unique_texts, "*", refused="requests are not told apart by their Host header"),
    # --- auth ---
    Flag("auth-token", values.text, "simple", ignored=_AUTH),
    Flag("auth-token-ttl", values.uint64, "300", ignored=_AUTH),
    Flag("bcrypt-cost", values.uint64, "10", ignored=_AUTH),
    # --- watching over it ---
    Flag("enable-pprof", values.boolean, "false", ignored="there is no Go runtime to profile"),
    Flag("metrics", values.text, "basic", "extensive: with the time that calls took"),
    Flag("listen-metrics-urls", values.urls, "", "more places that serve /metrics and /health"),
    Flag("logger", values.text, "zap", "zap is the only one"),
    Flag("log-outputs", values.unique_texts, "default", "stderr, stdout, or files"),
    Flag("log-level", values.text, "info", "the least severe level that is logged"),
    Flag("log-format", values.text, "json", "json or console"),
    Flag("enable-log-rotation", values.boolean, "false", refused="log files are not rotated: use logrotate"),
    Flag("log-rotation-config-json", values.text, "", ignored="see --enable-log-rotation"),
    Flag("warning-apply-duration", values.duration, "100ms", ignored=_SLOW),
    Flag("warning-unary-request-duration", values.duration, "300ms", ignored=_SLOW),
    Flag("enable-distributed-tracing", values.boolean, "false", ignored=_TRACING),
    Flag("distributed-tracing-address", values.text, "localhost:4317", ignored=_TRACING),
    Flag("distributed-tracing-service-name", values.text, "etcd", ignored=_TRACING),
    Flag("distributed-tracing-instance-id", values.text, "", ignored=_TRACING),
    Flag("distributed-tracing-sampling-rate", values.int64, "0", ignored=_TRACING),
    # --- how it does things ---
    Flag(
        "initial-corrupt-check", values.boolean, "false", "refuse to start where the data is not that of other members"
    ),
    Flag("corrupt-check-time", values.duration, "0s", "how often all members hash their keys and compare; 0s: never"),
    Flag("compact-hash-check-enabled", values.boolean, "false", ignored=_COMPARED),
    Flag("compact-hash-check-time", values.duration, "1m0s", ignored=_COMPARED),
    Flag("enable-lease-checkpoint", values.boolean, "false", ignored=_LEASES),
    Flag("enable-lease-checkpoint-persist", values.boolean, "false", ignored=_LEASES),
    Flag(
        "compaction-batch-limit",
        values.int64,
        "1000",
        ignored=_SLICES,
    ),
    Flag(
        "compaction-sleep-interval",
        values.duration,
        "10ms",
        ignored=_SLICES,
    ),
    Flag("watch-progress-notify-interval", values.duration, "10m0s", "how often watches are told how far they are"),
    Flag("txn-mode-write-with-shared-buffer", values.boolean, "true", ignored=_BOLT),
    Flag(
        "bootstrap-defrag-threshold-megabytes", values.uint64, "0", ignored="a store gives space back while it serves"
    ),
    Flag("downgrade-check-time", values.duration, "5s", ignored="there is one version"),
    Flag("stop-grpc-service-on-defrag", values.boolean, "false", ignored="a defragmentation does not block"),
    Flag("force-new-cluster", values.boolean, "false", "go on alone with what the data directory holds"),
    Flag("unsafe-no-fsync", values.boolean, "false", ignored="what is acknowledged is always on disk"),
)

FLAGS: dict[str, Flag] = {flag.name: flag for flag in _TABLE}

FEATURE_OF_FLAG = {
    "initial-corrupt-check": "InitialCorruptCheck",
    "compact-hash-check-enabled": "CompactHashCheck",
    "enable-lease-checkpoint": "LeaseCheckpoint",
    "enable-lease-checkpoint-persist": "LeaseCheckpointPersist",
    "stop-grpc-service-on-defrag": "StopGRPCServiceOnDefrag",
    "txn-mode-write-with-shared-buffer": "TxnModeWriteWithSharedBuffer",
}
"""Experimental flags of etcd that feature gates replaced."""

ALIASES = {"experimental-snapshot-catch-up-entries": "snapshot-catchup-entries"}
"""A name that etcd's configuration files have beside the flag's."""


def find(name: str) -> Flag | None:
    """The flag of that name, its ``experimental-`` form included."""
    plain = ALIASES.get(name, name)
    return FLAGS.get(plain) or FLAGS.get(plain.removeprefix(EXPERIMENTAL))
