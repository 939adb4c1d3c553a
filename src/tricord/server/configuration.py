# SPDX-License-Identifier: Apache-2.0
"""Every setting of a member: its unit, default, effect and relations. Defaults live here and nowhere else.

Flags (``--data-dir``), environment names (``TRICORD_DATA_DIR``), keys of the TOML file (``data_dir``) and the table in
``docs/configuration.md`` are made from the fields below. Where values come from is ``configuration_sources``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

from tricord.base.errors import ConfigurationError
from tricord.base.message import message
from tricord.server.address import Address
from tricord.server.initial_cluster import InitialCluster

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
REQUEST_OVERHEAD_BYTES = 512 * KIB
"""What a gRPC message may hold beyond the request limit, as etcd allows it."""
MAP_BYTES_MIN = 64 * MIB
"""A small quota is no reason for a map without room to write that it is full."""

T = TypeVar("T")


@message
class Setting:
    """What a setting means. ``low`` and ``high`` are inclusive bounds of numbers; ``choices`` of texts."""

    effect: str
    unit: str = ""
    relation: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def setting(
    *,
    default: T,
    effect: str,
    unit: str = "",
    relation: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> T:
    """A field of the configuration with its meaning."""
    meaning = Setting(effect, unit, relation, low, high, choices)
    value: T = dataclasses.field(default=default, metadata={"setting": meaning})
    return value


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
def settings(cls: type[T]) -> type[T]:
    """A keyword-only slots dataclass that type checkers treat as frozen."""
    return dataclasses.dataclass(slots=True, kw_only=True)(cls)


@settings
class Configuration:
    """The settings of one member. Raises ConfigurationError when they do not fit together."""

    name: str = setting(default="default", effect="what people call this member; shown by `member list` and in logs")
    data_dir: str = setting(
        default="./tricord-data",
        unit="path",
        effect="where the member keeps everything that survives a restart; made if absent",
        relation="one process at a time may use it",
    )
    listen: str = setting(
        default="127.0.0.1:2379",
        unit="HOST:PORT",
        effect="where clients connect; gRPC, the JSON gateway, health and metrics share the port; port 0: any free",
        relation="anything but a loopback address needs `cert_file` and `key_file`, or `insecure`",
    )
    advertise: str = setting(
        default="",
        unit="HOST:PORT",
        effect="the address that clients are told to dial; empty: what the member listens on",
        relation="needed when `listen` is a wildcard (0.0.0.0 or [::])",
    )
    listen_peer: str = setting(
        default="",
        unit="HOST:PORT",
        effect="where the other members connect; empty: on the port of `listen`",
        relation="as `listen`, with the settings for peers",
    )
    advertise_peer: str = setting(
        default="",
        unit="HOST:PORT",
        effect="the address that other members dial; empty: this one's in `initial_cluster`, else where it listens",
    )
    initial_cluster: str = setting(
        default="",
        unit="NAME=HOST:PORT,...",
        effect="the members of a new cluster, this one among them; empty: this member alone, others may join later",
        relation="only looked at while `data_dir` is empty",
    )
    initial_name: str = setting(
        default="",
        effect="what this member is called in `initial_cluster`, where it is not its name",
        relation="empty: `name`",
    )
    initial_cluster_token: str = setting(
        default="tricord-cluster",
        effect="sets clusters of the same names and addresses apart: the ids of a new cluster derive from it",
    )
    initial_cluster_state: str = setting(
        default="new",
        effect="whether `initial_cluster` is to be made, or is there already and this member was added to it",
        relation="existing: after `member add` with this member's peer address",
        choices=("new", "existing"),
    )
    heartbeat_interval: int = setting(
        default=100,
        unit="milliseconds",
        effect="how often a leader shows that it lives; more often costs messages",
        relation="the same on all members",
        low=10,
        high=60_000,
    )
    election_timeout: int = setting(
        default=1000,
        unit="milliseconds",
        effect="silence after which a leader is replaced; less means false alarms on slow machines",
        relation="at least five times `heartbeat_interval`; the same on all members",
        low=50,
        high=600_000,
    )
    lease_reads: bool = setting(
        default=False,
        effect="answer linearizable reads on the leader without asking a majority each time: the voters promise not to"
        " elect another within `election_timeout`. It trusts clocks: those of any two members may differ in rate by at"
        " most one part in `election_timeout` / `heartbeat_interval`, and no machine may be suspended or saved to disk"
        " while its member runs (a paused process is fine). Else a leader that was replaced may answer with old data",
        relation="the same on all members; then a leader that died is replaced after its whole `election_timeout`",
    )
    lease_checkpoint_interval: float = setting(
        default=300.0,
        unit="seconds",
        effect="how often the leader logs what leases have left, for its successor; only of those that live longer",
        relation="a lease may outlive its time to live by this, and the fail-over, with each change of leaders",
        low=1,
        high=1 << 31,
    )
    cluster_secret_file: str = setting(
        default="",
        unit="path",
        effect="file with a secret that all members share and prove to each other",
        relation="peers beyond loopback need it, or `peer_cert_file`, or `insecure`",
    )
    gossip: str = setting(
        default="auto",
        effect="tell the other members who can be reached, by UDP on the port that peers dial, or by TCP alone; auto:"
        " by UDP, once there is a causal or eventual keyspace",
        relation="beyond loopback it needs `cluster_secret_file`, or `insecure`; the same on all members",
        choices=("auto", "off", "udp", "tcp"),
    )
    peer_cert_file: str = setting(
        default="",
        unit="path",
        effect="PEM file with the certificate that this member shows to peers, as server and as client",
        relation="goes with `peer_key_file`, `peer_trusted_ca_file` and `listen_peer`",
    )
    peer_key_file: str = setting(
        default="",
        unit="path",
        effect="PEM file with the private key of `peer_cert_file`",
        relation="goes with `peer_cert_file`",
    )
    peer_trusted_ca_file: str = setting(
        default="",
        unit="path",
        effect="PEM file with the authority that must have signed every peer's certificate",
        relation="goes with `peer_cert_file`",
    )
    unsafe_faults: str = setting(
        default="",
        unit="path",
        effect="for experiments, never with data you need: JSON file that says which peers' messages to drop, and which"
        " calls of the disk are slow or fail; read again when it changes",
    )
    insecure: bool = setting(
        default=False,
        effect="allow a listener without TLS on an address that other machines reach",
        relation="changes nothing on loopback",
    )
    cert_file: str = setting(
        default="",
        unit="path",
        effect="PEM file with the server's certificate chain; with it the port speaks TLS only",
        relation="goes with `key_file`",
    )
    key_file: str = setting(
        default="", unit="path", effect="PEM file with the certificate's private key", relation="goes with `cert_file`"
    )
    log_format: str = setting(
        default="auto",
        effect="how log lines look: for people, or one JSON object a line; auto: text on a terminal, else json",
        choices=("auto", "text", "json"),
    )
    log_level: str = setting(
        default="info",
        effect="the least severe level that is logged; debug tells more and costs throughput",
        choices=("debug", "info", "warning", "error"),
    )
    max_request_bytes: int = setting(
        default=1536 * KIB,
        unit="bytes",
        effect="the largest request that is accepted; raising it lets one client hold the log for longer",
        relation="at most a quarter of `segment_bytes`",
        low=1,
        high=256 * MIB,
    )
    max_txn_operations: int = setting(
        default=128,
        unit="operations",
        effect="the most operations in one branch of a transaction",
        low=1,
        high=100_000,
    )
    max_waiting_requests: int = setting(
        default=10_000,
        unit="requests",
        effect="how many requests may wait for the log at once; one more is refused with `too_many_requests`",
        low=1,
        high=1_000_000,
    )
    max_concurrent_streams: int = setting(
        default=1_000,
        unit="streams",
        effect="how many calls one connection may have open at once; raising it lets one client hold more memory",
        low=1,
        high=1_000_000,
    )
    quota_bytes: int = setting(
        default=2 * GIB,
        unit="bytes",
        effect="how large the store may grow; beyond it puts are refused with `no_space`, reads and deletes go on",
        relation="the backend's map is sized to twice this, so that deletes and compaction have room",
        low=1,
        high=1 << 44,
    )
    auto_compaction_mode: str = setting(
        default="periodic",
        effect="what `auto_compaction_retention` counts: seconds (periodic) or revisions (revision)",
        choices=("periodic", "revision"),
    )
    auto_compaction_retention: float = setting(
        default=0.0,
        unit="seconds or revisions",
        effect="how much history is kept when the member compacts by itself; 0: it never does",
        relation="see `auto_compaction_mode`",
        low=0,
        high=1 << 62,
    )
    auto_defragment: bool = setting(
        default=True,
        unit="true|false",
        effect="give disk space back unasked once the store's file is twice as large as what it holds (and 16 MiB)",
        relation="members begin at different times, and serve on meanwhile",
    )
    watch_progress_notify_seconds: float = setting(
        default=600.0,
        unit="seconds",
        effect="how often watches that asked for it are told how far they are, where nothing else was sent",
        low=0.001,
        high=1 << 31,
    )
    max_learners: int = setting(
        default=1,
        unit="members",
        effect="how many members without a vote may be added; each costs the leader as much as a voter",
        relation="the leader's setting counts",
        low=0,
        high=1_000,
    )
    strict_reconfig_check: bool = setting(
        default=True,
        unit="true|false",
        effect="refuse changes of the members after which too few that live would be left",
        relation="the leader's setting counts",
    )
    steady_seconds: float = setting(
        default=0.0,
        unit="s",
        effect="how long another member must have been connected to count as living where `strict_reconfig_check` asks",
        relation="the leader's setting counts; `tricord etcd` has 5, as etcd",
        low=0,
        high=3_600,
    )
    log_slack_entries: int = setting(
        default=10_000,
        unit="entries",
        effect="how much of the log is kept behind the store, so that a member that lags needs no snapshot",
        relation="a file of `segment_bytes` goes as a whole",
        low=0,
        high=1 << 40,
    )
    force_new_cluster: bool = setting(
        default=False,
        effect="go on alone with what the data directory holds: all other members are given up",
        relation="only when a majority is lost for good",
    )
    replica_retention: float = setting(
        default=7 * 24 * 3600.0,
        unit="seconds",
        effect="silence after which an edge of a causal or eventual keyspace is retired; it may come back later, under"
        " another number, with what it had not sent; 0: never",
        relation="the leader's setting counts; a member counts from its start",
        low=0,
        high=1 << 31,
    )
    corrupt_check_seconds: float = setting(
        default=600.0,
        unit="seconds",
        effect="how often the leader has all members hash their keys and compares; 0: never",
        relation="costs each member a pass over its keys; whether members decided alike is compared every 5 s anyway",
        low=0,
        high=1 << 31,
    )
    initial_corrupt_check: bool = setting(
        default=False,
        effect="compare with the other members at a start, and refuse to start where the data differs",
        relation="waits up to 5 s for members that do not answer",
    )
    segment_bytes: int = setting(
        default=64 * MIB,
        unit="bytes",
        effect="size of one preallocated file of the write-ahead log; smaller files give space back sooner",
        relation="at least four times `max_request_bytes`",
        low=64 * KIB,
        high=4 * GIB,
    )
    drain_seconds: float = setting(
        default=5.0,
        unit="seconds",
        effect="how long calls under way may take after SIGTERM or SIGINT before their connections are cut",
        low=0,
        high=3600,
    )

    def __post_init__(self) -> None:
        problems = [problem for field in dataclasses.fields(self) if (problem := _bounds(self, field))]
        problems.extend(_relations(self) if not problems else ())
        if problems:
            raise ConfigurationError("; ".join(problems))

    @property
    def listen_address(self) -> Address:
        """``listen`` as host and port."""
        return Address.parse(self.listen)

    @property
    def advertise_address(self) -> Address:
        """What clients dial, as far as it is known before the port is bound (port 0 is the member's to fill in)."""
        return Address.parse(self.advertise or self.listen)

    @property
    def listen_peer_address(self) -> Address:
        """Where peers connect."""
        return Address.parse(self.listen_peer or self.listen)

    @property
    def advertise_peer_address(self) -> Address:
        """What peers dial, as far as it is known before the port is bound. Raises ConfigurationError."""
        if self.advertise_peer:
            return Address.parse(self.advertise_peer)
        if self.initial_cluster:
            return self.initial_members.address_of(self.listed_name)
        return Address.parse(self.listen_peer or self.advertise or self.listen)

    @property
    def initial_members(self) -> InitialCluster:
        """``initial_cluster``, read. Raises ConfigurationError."""
        return InitialCluster.parse(self.initial_cluster, self.initial_cluster_token)

    @property
    def listed_name(self) -> str:
        """What this member is called in ``initial_cluster``."""
        return self.initial_name or self.name

    @property
    def peer_tls(self) -> bool:
        """Whether peers speak TLS to each other."""
        return bool(self.peer_cert_file or (self.cert_file and not self.listen_peer))

    @property
    def election_ticks(self) -> int:
        """The election timeout in ticks; a tick is one heartbeat interval."""
        return self.election_timeout // self.heartbeat_interval

    @property
    def lease_ttl_min(self) -> int:
        """The shortest time to live of a lease in seconds: one and a half election timeouts, as in etcd."""
        return -(-(3 * self.election_ticks // 2) * self.heartbeat_interval // 1000)

    @property
    def tick_seconds(self) -> float:
        """How long a tick is."""
        return self.heartbeat_interval / 1000

    @property
    def tls(self) -> bool:
        """Whether the port speaks TLS."""
        return bool(self.cert_file)

    @property
    def max_message_bytes(self) -> int:
        """The largest gRPC message that is read at all."""
        return self.max_request_bytes + REQUEST_OVERHEAD_BYTES

    @property
    def map_bytes(self) -> int:
        """Size of the backend's map: address space, not disk."""
        return max(2 * self.quota_bytes, MAP_BYTES_MIN)


def meaning(field: dataclasses.Field[Any]) -> Setting:
    """What a field of the configuration means."""
    found: Setting = field.metadata["setting"]
    return found


def _bounds(configuration: Configuration, field: dataclasses.Field[Any]) -> str:
    value, about = getattr(configuration, field.name), meaning(field)
    if about.choices and value not in about.choices:
        return f"{field.name} is {value!r}, but must be one of {', '.join(about.choices)}"
    if about.low is not None and about.high is not None and not about.low <= value <= about.high:
        return f"{field.name} is {value}, but must be from {about.low:_} to {about.high:_} {about.unit}"
    if field.default and value == "":
        return f"{field.name} is empty"
    return ""


def _relations(configuration: Configuration) -> list[str]:
    problems = []
    if bool(configuration.cert_file) != bool(configuration.key_file):
        problems.append("cert_file and key_file go together: give both (--cert-file, --key-file) or none")
    if configuration.segment_bytes < 4 * configuration.max_request_bytes:
        problems.append(
            f"segment_bytes is {configuration.segment_bytes}, but must be at least four times max_request_bytes"
            f" ({configuration.max_request_bytes})"
        )
    listen = configuration.listen_address
    advertise = configuration.advertise_address
    if not listen.is_loopback and not configuration.tls and not configuration.insecure:
        problems.append(
            f"{configuration.listen} can be reached from other machines and TLS is not set up:"
            " give --cert-file and --key-file, or accept plain text with --insecure"
        )
    if advertise.is_wildcard:
        problems.append(
            f"{configuration.advertise or configuration.listen} is a wildcard that no client can dial:"
            " give --advertise HOST:PORT"
        )
    return problems + _peer_relations(configuration)


def _peer_relations(configuration: Configuration) -> list[str]:
    problems = []
    tls_files = (configuration.peer_cert_file, configuration.peer_key_file, configuration.peer_trusted_ca_file)
    if any(tls_files) and not all(tls_files):
        problems.append("peer_cert_file, peer_key_file and peer_trusted_ca_file go together: give all or none")
    if any(tls_files) and not configuration.listen_peer:
        problems.append("peers with their own certificates need their own port: give --listen-peer HOST:PORT")
    if configuration.election_timeout < 5 * configuration.heartbeat_interval:
        problems.append(
            f"election_timeout is {configuration.election_timeout}, but must be at least five times heartbeat_interval"
            f" ({configuration.heartbeat_interval})"
        )
    listen = configuration.listen_peer_address
    proved = listen.is_loopback or configuration.cluster_secret_file or configuration.insecure
    if configuration.gossip in ("udp", "tcp") and not proved:
        problems.append(
            f"gossip on {listen} can be heard from other machines: give --cluster-secret-file, its keys follow from it,"
            " or accept it with --insecure"
        )
    if not configuration.initial_cluster:
        return problems
    if not listen.is_loopback and not any((*tls_files, configuration.cluster_secret_file, configuration.insecure)):
        problems.append(
            f"{listen} can be reached from other machines, and peers prove nothing to each other: give"
            " --cluster-secret-file, or --peer-cert-file with its key and authority, or accept it with --insecure"
        )
    own = configuration.initial_members.address_of(configuration.listed_name)
    advertised = configuration.advertise_peer_address
    if own != advertised:
        problems.append(
            f"initial_cluster says that {configuration.name} is at {own}, but advertise_peer says {advertised}"
        )
    elif not configuration.advertise_peer and listen.port and listen.port != own.port:
        problems.append(
            f"initial_cluster says that {configuration.name} is at {own}, but peers are listened to on {listen}:"
            " name the port that peers dial, or say that both lead here with --advertise-peer"
        )
    return problems
