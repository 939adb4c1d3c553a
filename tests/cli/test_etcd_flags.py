# SPDX-License-Identifier: Apache-2.0
"""What etcd's flags, variables and configuration files are read as, and which settings of a member they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tricord.base.errors import ConfigurationError
from tricord.cli import etcd_values as values
from tricord.cli.etcd_arguments import (
    FlagFault,
    Given,
    NotVerified,
    Shadowed,
    defaults,
    read_command_line,
    read_environment,
    variable_name,
)
from tricord.cli.etcd_config_file import BrokenUrls, read_config_file
from tricord.cli.etcd_flags import FLAGS, find
from tricord.cli.etcd_plan import QUOTA_NONE, plan, verify

MIB = 1 << 20

# Flags that a file has in a section, and under which key.
IN_SECTIONS = {
    "cert-file": ("client-transport-security", "cert-file"),
    "key-file": ("client-transport-security", "key-file"),
    "trusted-ca-file": ("client-transport-security", "trusted-ca-file"),
    "client-cert-auth": ("client-transport-security", "client-cert-auth"),
    "auto-tls": ("client-transport-security", "auto-tls"),
    "client-cert-allowed-hostname": ("client-transport-security", "allowed-hostname"),
    "peer-cert-file": ("peer-transport-security", "cert-file"),
    "peer-key-file": ("peer-transport-security", "key-file"),
    "peer-trusted-ca-file": ("peer-transport-security", "trusted-ca-file"),
    "peer-client-cert-auth": ("peer-transport-security", "client-cert-auth"),
    "peer-auto-tls": ("peer-transport-security", "auto-tls"),
    "peer-cert-allowed-cn": ("peer-transport-security", "allowed-cn"),
    "peer-cert-allowed-hostname": ("peer-transport-security", "allowed-hostname"),
    "socket-reuse-port": ("socket-options", "reuse-port"),
    "socket-reuse-address": ("socket-options", "reuse-address"),
}

# Flag -> (its text, the same in YAML, what is read).
TABLE: dict[str, tuple[str, str, Any]] = {
    "name": ("n1", "n1", "n1"),
    "data-dir": ("/d", "/d", "/d"),
    "listen-client-urls": ("http://127.0.0.1:2,http://[::1]:1", "http://127.0.0.1:2,http://[::1]:1", None),
    "advertise-client-urls": ("https://db:1", "https://db:1", ("https://db:1",)),
    "listen-peer-urls": ("http://0.0.0.0:1", "http://0.0.0.0:1", ("http://0.0.0.0:1",)),
    "initial-advertise-peer-urls": ("http://db:1", "http://db:1", ("http://db:1",)),
    "initial-cluster": ("a=http://a:1,b=http://b:1", "a=http://a:1,b=http://b:1", "a=http://a:1,b=http://b:1"),
    "initial-cluster-token": ("t", "t", "t"),
    "initial-cluster-state": ("existing", "existing", "existing"),
    "snapshot-count": ("100", "100", 100),
    "snapshot-catchup-entries": ("7", "7", 7),
    "strict-reconfig-check": ("false", "false", False),
    "quota-backend-bytes": ("-1", "-1", -1),
    "auth-token": ("jwt,pub-key=a", "jwt,pub-key=a", "jwt,pub-key=a"),
    "auth-token-ttl": ("60", "60", 60),
    "bcrypt-cost": ("4", "4", 4),
    "cert-file": ("c", "c", "c"),
    "key-file": ("k", "k", "k"),
    "trusted-ca-file": ("ca", "ca", "ca"),
    "client-cert-auth": ("true", "true", True),
    "auto-tls": ("T", "true", True),
    "client-cert-allowed-hostname": ("a,b", "[a, b]", ("a", "b")),
    "peer-cert-file": ("c", "c", "c"),
    "peer-key-file": ("k", "k", "k"),
    "peer-trusted-ca-file": ("ca", "ca", "ca"),
    "peer-client-cert-auth": ("1", "true", True),
    "peer-auto-tls": ("true", "true", True),
    "peer-cert-allowed-cn": ("a", "[a]", ("a",)),
    "peer-cert-allowed-hostname": ("a", "[a]", ("a",)),
    "cipher-suites": ("A,B", "[A, B]", ("A", "B")),
    "tls-min-version": ("TLS1.3", "TLS1.3", "TLS1.3"),
    "listen-client-http-urls": ("http://127.0.0.1:1", "http://127.0.0.1:1", ("http://127.0.0.1:1",)),
    "listen-metrics-urls": ("http://127.0.0.1:1", "http://127.0.0.1:1", ("http://127.0.0.1:1",)),
    "metrics": ("extensive", "extensive", "extensive"),
    "heartbeat-interval": ("0x32", "50", 50),
    "election-timeout": ("5_00", "500", 500),
    "watch-progress-notify-interval": ("1m2.5s", "62500000000", 62.5),
    "max-txn-ops": ("9", "9", 9),
    "max-request-bytes": ("9", "9", 9),
    "max-concurrent-streams": ("9", "9", 9),
    "max-learners": ("2", "2", 2),
    "feature-gates": ("InitialCorruptCheck=true", "InitialCorruptCheck=true", {"InitialCorruptCheck": True}),
    "log-level": ("debug", "debug", "debug"),
    "log-outputs": ("stdout,stderr", "[stderr, stdout]", ("stderr", "stdout")),
    "logger": ("zap", "zap", "zap"),
    "enable-pprof": ("true", "true", True),
    "auto-compaction-mode": ("revision", "revision", "revision"),
    "auto-compaction-retention": ("5m", '"5m"', "5m"),
    "corrupt-check-time": ("1h", "3600000000000", 3600.0),
    "initial-corrupt-check": ("true", "true", True),
    "force-new-cluster": ("true", "true", True),
    "pre-vote": ("false", "false", False),
    "discovery-srv": ("example.com", "example.com", "example.com"),
    "socket-reuse-port": ("true", "true", True),
    "backend-batch-interval": ("10ms", "10000000", 0.01),
    "backend-batch-limit": ("10", "10", 10),
}


def expected(name: str) -> Any:
    value = TABLE[name][2]
    return ("http://127.0.0.1:2", "http://[::1]:1") if value is None else value


@pytest.mark.parametrize("name", TABLE)
def test_a_flag_is_read_in_each_way_of_writing_it(name: str) -> None:
    text = TABLE[name][0]
    ways = [[f"--{name}={text}"], [f"-{name}={text}"], [f"--experimental-{name}={text}"]]
    flag = find(name)
    assert flag is not None
    ways += [] if flag.is_boolean else [[f"--{name}", text], [f"-{name}", text]]
    for way in ways:
        assert read_command_line(way).values[name] == expected(name), way


@pytest.mark.parametrize("name", TABLE)
def test_each_flag_has_its_variable(name: str) -> None:
    given = defaults()
    read_environment(given, {variable_name(name): TABLE[name][0]})
    assert given.values[name] == expected(name)
    assert not given.warnings


@pytest.mark.parametrize("name", TABLE)
def test_each_flag_has_its_place_in_the_file(name: str, tmp_path: Path) -> None:
    section, key = IN_SECTIONS.get(name, ("", name))
    line = f"{key}: {TABLE[name][1]}\n"
    file = tmp_path / "etcd.yml"
    file.write_text(f"{section}:\n  {line}" if section else line)
    assert read_config_file(str(file)).values[name] == expected(name)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--nosuch"], "flag provided but not defined: -nosuch"),
        (["--name"], "flag needs an argument: -name"),
        (["--auto-tls=maybe"], 'invalid boolean value "maybe" for -auto-tls: parse error'),
        (["--heartbeat-interval=abc"], 'invalid value "abc" for flag -heartbeat-interval: parse error'),
        (["--heartbeat-interval=-1"], 'invalid value "-1" for flag -heartbeat-interval: parse error'),
        (
            ["--snapshot-count=99999999999999999999999"],
            'invalid value "99999999999999999999999" for flag -snapshot-count: value out of range',
        ),
        (
            ["--max-concurrent-streams=x"],
            'invalid value "x" for flag -max-concurrent-streams: strconv.ParseUint: parsing "x": invalid syntax',
        ),
        (["--backend-batch-interval=5"], 'invalid value "5" for flag -backend-batch-interval: parse error'),
        (
            ["--listen-client-urls=foo"],
            'invalid value "foo" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: foo',
        ),
        (
            ["--listen-client-urls=http://127.0.0.1"],
            'invalid value "http://127.0.0.1" for flag -listen-client-urls: URL address does not have the form'
            ' "host:port": http://127.0.0.1',
        ),
        (
            ["--listen-peer-urls=http://h:1/p"],
            'invalid value "http://h:1/p" for flag -listen-peer-urls: URL must not contain a path: http://h:1/p',
        ),
        (["--initial-cluster-state=bad"], 'invalid value "bad" for flag -initial-cluster-state: invalid value'),
        (
            ["--feature-gates=Foo=true"],
            'invalid value "Foo=true" for flag -feature-gates: unrecognized feature gate: Foo',
        ),
        (["--=3"], "bad flag syntax: --=3"),
        (["---x=3"], "bad flag syntax: ---x=3"),
    ],
)
def test_what_cannot_be_read_is_refused_in_etcds_words(words: list[str], text: str) -> None:
    with pytest.raises(FlagFault) as fault:
        read_command_line(words)
    assert str(fault.value) == text


def test_a_boolean_takes_no_separate_word_and_what_is_no_flag_ends_them() -> None:
    given = read_command_line(["--auto-tls", "false", "--name=x"])
    assert given.values["auto-tls"] is True
    assert given.leftover == "false"
    assert given.values["name"] == "default"


def test_the_last_of_a_flag_counts() -> None:
    assert (
        read_command_line(["--initial-cluster-token=a", "--initial-cluster-token", "b"]).values["initial-cluster-token"]
        == "b"
    )


def test_a_variable_beside_its_flag_is_refused_and_an_unknown_one_only_noted() -> None:
    with pytest.raises(Shadowed, match="ETCD_NAME"):
        read_environment(read_command_line(["--name=x"]), {"ETCD_NAME": "y"})
    given = defaults()
    read_environment(given, {"ETCD_NOSUCH": "1", "ETCD_VERSION": "3", "ETCD_NAME": "", "PATH": "/bin"})
    assert [text for text, _ in given.warnings] == [
        "unrecognized environment variable",
        "cannot set special environment variable",
    ]
    assert given.values["name"] == "default"
    with pytest.raises(NotVerified, match='invalid value "maybe" for ETCD_AUTO_TLS: parse error'):
        read_environment(defaults(), {"ETCD_AUTO_TLS": "maybe"})


UNMARSHAL = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (
            "heartbeat-interval: fifty",
            f"{UNMARSHAL} string into Go struct field configYAML.Config.heartbeat-interval of",
        ),
        (
            "heartbeat-interval: -5",
            f"{UNMARSHAL} number -5 into Go struct field configYAML.Config.heartbeat-interval of",
        ),
        ("auto-compaction-retention: 2", f"{UNMARSHAL} number into Go struct field"),
        ("watch-progress-notify-interval: 5s", "of type time.Duration"),
        ("log-outputs: stderr", r"of type \[\]string"),
        ("name: [a]", f"{UNMARSHAL} array into Go struct field configYAML.Config.name of type string"),
        ("force-new-cluster: 'true'", "of type bool"),
        ("initial-cluster-state: foo", 'unexpected clusterState "foo"'),
        ("peer-transport-security: foo", f"{UNMARSHAL} string into"),
        ("foo: [", "error converting YAML to JSON: yaml: "),
        ("- a", f"{UNMARSHAL} array into Go value"),
        ("&a [*a]", f"{UNMARSHAL} array into Go value"),
        ("!!python/object/apply:os.system ['true']", "error converting YAML to JSON: yaml: "),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, refusal: str, tmp_path: Path) -> None:
    file = tmp_path / "etcd.yml"
    file.write_text(text)
    with pytest.raises(NotVerified, match=refusal):
        read_config_file(str(file))


def test_a_file_of_bytes_and_one_that_is_absent_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(NotVerified, match="error converting YAML to JSON"):
        read_config_file(str(tmp_path / "bytes"))
    with pytest.raises(NotVerified, match=r"open .*absent: no such file or directory"):
        read_config_file(str(tmp_path / "absent"))


def test_a_file_as_etcds_sample_with_keys_that_have_no_value_says_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "etcd.yml"
    file.write_text(
        """
name: 'default'
data-dir:
quota-backend-bytes: 0
cors:
discovery:
discovery-fallback: 'proxy'
proxy: 'off'
proxy-failure-wait: 5000
client-transport-security:
  cert-file:
  client-cert-auth: false
  auto-tls:
peer-transport-security:
  trusted-ca-file:
  allowed-cn:
  allowed-hostname:
self-signed-cert-validity: 1
cipher-suites: [
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
]
"""
    )
    given = read_config_file(str(file))
    verify(given)
    suites = ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",)
    assert given.values == defaults().values | {"cipher-suites": suites, "self-signed-cert-validity": 1}


def test_keys_of_a_file_are_read_without_case_and_unknown_ones_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "etcd.yml"
    file.write_text("Heartbeat-Interval: 50\nnosuch: 3\ncert-file: not-here\nname: n1\n")
    said = read_config_file(str(file)).values
    assert (said["heartbeat-interval"], said["cert-file"], said["name"]) == (50, "", "n1")
    file.write_text("listen-client-urls: foo\n")
    with pytest.raises(BrokenUrls, match="unexpected error setting up listen-client-urls: URL scheme must be"):
        read_config_file(str(file))
    file.write_text("")
    assert read_config_file(str(file)).values == defaults().values


def given(*words: str) -> Given:
    said = read_command_line(words)
    verify(said)
    return said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--listen-client-urls=http://a.b:1"], "expected IP in URL for binding (http://a.b:1)"),
        (
            ["--listen-client-urls=http://127.0.0.1:1"],
            "--advertise-client-urls is required when --listen-client-urls is set explicitly",
        ),
        (["--advertise-client-urls=http://:1"], 'must be "host:port" (unexpected empty host (http://:1))'),
        (["--heartbeat-interval=0"], "--heartbeat-interval must be >0 (set to 0ms)"),
        (
            ["--election-timeout=10"],
            "--election-timeout[10ms] should be at least as 5 times as --heartbeat-interval[100ms]",
        ),
        (["--election-timeout=60000"], "--election-timeout[60000ms] is too long, and should be set less than 50000ms"),
        (["--auto-compaction-mode=foo"], 'unknown auto-compaction-mode "foo"'),
        (["--auto-compaction-mode="], "undefined auto-compaction-mode"),
        (["--logger=foo"], 'unknown logger option "foo"'),
        (["--log-format=foo"], "unknown log format: foo, supported values json, console"),
        (["--log-outputs=default,stderr"], 'multi logoutput for "default" is not supported yet'),
        (["--tls-min-version=foo"], 'unexpected TLS version "foo" (must be one of: TLS1.2, TLS1.3)'),
        (
            ["--tls-max-version=TLS1.2", "--tls-min-version=TLS1.3"],
            "min version (TLS1.3) is greater than max version (TLS1.2)",
        ),
        (
            ["--tls-min-version=TLS1.3", "--cipher-suites=x"],
            "cipher suites cannot be configured when only TLS1.3 is enabled",
        ),
        (
            ["--feature-gates=LeaseCheckpointPersist=true"],
            "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
        ),
        (
            ["--experimental-corrupt-check-time=1s", "--corrupt-check-time=2s"],
            "cannot set --experimental-corrupt-check-time and --corrupt-check-time at the same time, please use"
            " --corrupt-check-time only",
        ),
        (
            ["--experimental-initial-corrupt-check", "--feature-gates=InitialCorruptCheck=true"],
            "cannot specify both flags: --experimental-initial-corrupt-check=true and"
            " --feature-gates=InitialCorruptCheck=true at the same time, please just use"
            " --feature-gates=InitialCorruptCheck=true",
        ),
        (["--discovery=http://x"], "--discovery is not served by tricord: cluster discovery"),
        (["--client-crl-file=x"], "--client-crl-file is not served by tricord: revocation lists are not read"),
        (["--host-whitelist=x"], "--host-whitelist is not served by tricord"),
        (["--wal-dir=x"], "--wal-dir is not served by tricord"),
    ],
)
def test_flags_that_do_not_fit_are_refused_in_etcds_words(words: list[str], text: str) -> None:
    with pytest.raises(NotVerified) as refused:
        given(*words)
    assert text in str(refused.value)


@pytest.mark.parametrize("name", [name for name, flag in FLAGS.items() if flag.refused])
def test_a_flag_that_is_refused_may_say_its_default(name: str) -> None:
    flag = FLAGS[name]
    given(f"--{name}={flag.default}")


def test_every_flag_does_something_or_says_why_not_and_has_a_default_that_can_be_read() -> None:
    for name, flag in FLAGS.items():
        assert sum(map(bool, (flag.effect, flag.ignored, flag.refused))) == 1, name
        if flag.default:
            flag.parse(flag.default)


@pytest.mark.parametrize(
    ("words", "setting", "value"),
    [
        (["--name=n1"], "data_dir", "n1.etcd"),
        (["--data-dir=/d"], "data_dir", "/d"),
        (["--quota-backend-bytes=0"], "quota_bytes", 2048 * MIB),
        (["--quota-backend-bytes=8000"], "quota_bytes", 8000),
        (["--quota-backend-bytes=-1"], "quota_bytes", QUOTA_NONE),
        (["--heartbeat-interval=50"], "heartbeat_interval", 50),
        (["--election-timeout=500"], "election_timeout", 500),
        (["--max-txn-ops=1000000"], "max_txn_operations", 100_000),
        (["--max-request-bytes=1"], "max_request_bytes", 1),
        (["--max-request-bytes=100000000"], "segment_bytes", 400_000_000),
        (["--max-concurrent-streams=7"], "max_concurrent_streams", 7),
        ([], "max_concurrent_streams", 1_000_000),
        (["--auto-compaction-retention=1"], "auto_compaction_retention", 3600.0),
        (["--auto-compaction-retention=5m"], "auto_compaction_retention", 300.0),
        (["--auto-compaction-mode=revision", "--auto-compaction-retention=10"], "auto_compaction_retention", 10.0),
        (["--auto-compaction-mode=revision"], "auto_compaction_mode", "revision"),
        (["--watch-progress-notify-interval=2s"], "watch_progress_notify_seconds", 2.0),
        (["--snapshot-count=10", "--snapshot-catchup-entries=5"], "log_slack_entries", 15),
        (["--max-learners=3"], "max_learners", 3),
        (["--strict-reconfig-check=false"], "strict_reconfig_check", False),
        (["--force-new-cluster"], "force_new_cluster", True),
        ([], "corrupt_check_seconds", 0),
        (["--corrupt-check-time=10m"], "corrupt_check_seconds", 600.0),
        (["--initial-corrupt-check"], "initial_corrupt_check", True),
        (["--feature-gates=InitialCorruptCheck=true"], "initial_corrupt_check", True),
        (["--initial-cluster-token=t"], "initial_cluster_token", "t"),
        (["--initial-cluster-state=existing"], "initial_cluster_state", "existing"),
        ([], "initial_cluster", "default=http://localhost:2380"),
        (
            ["--name=n1", "--initial-advertise-peer-urls=http://a:1,http://b:1"],
            "initial_cluster",
            "n1=http://a:1,n1=http://b:1",
        ),
        ([], "listen", "127.0.0.1:2379"),
    ],
)
def test_flags_become_settings(words: list[str], setting: str, value: object) -> None:
    assert getattr(plan(given(*words)).configuration, setting) == value


def test_urls_are_kept_as_they_were_given() -> None:
    planned = plan(
        given(
            "--listen-client-urls=http://0.0.0.0:2379,https://127.0.0.1:1",
            "--advertise-client-urls=http://0.0.0.0:2379",
            "--listen-client-http-urls=http://127.0.0.1:2",
            "--listen-metrics-urls=http://127.0.0.1:3",
        )
    )
    assert planned.client_urls == ("http://0.0.0.0:2379", "https://127.0.0.1:1")
    assert planned.advertised_clients == ("http://0.0.0.0:2379",)
    assert (planned.http_urls, planned.metrics_urls) == (("http://127.0.0.1:2",), ("http://127.0.0.1:3",))
    assert planned.configuration.advertise == "127.0.0.1:2379"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--auto-compaction-retention=abc"], 'error parsing CompactionRetention: time: invalid duration "abc"'),
        (["--auto-compaction-retention=-1"], 'error parsing CompactionRetention: time: missing unit in duration "-1"'),
        (["--name=x", "--initial-cluster=a=http://a:1"], 'couldn\'t find local name "x" in the initial cluster'),
        (
            ["--initial-cluster=default"],
            "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: ",
        ),
        (["--initial-cluster="], 'couldn\'t find local name "default" in the initial cluster configuration'),
        (["--listen-peer-urls=http://127.0.0.1:99999"], "listen tcp: address 99999: invalid port"),
    ],
)
def test_what_only_the_start_finds_out(words: list[str], text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        plan(given(*words))
    assert text in str(refused.value)


def test_durations_and_numbers_are_gos() -> None:
    assert [values.duration(text) for text in ("1h15m30.5s", "-250ms", "0", ".5s", "1us")] == [
        4530.5,
        -0.25,
        0.0,
        0.5,
        1e-6,
    ]
    assert [values.int64(text) for text in ("0x1F", "0b11", "0o17", "017", "-5", "1_000")] == [31, 3, 15, 15, -5, 1000]
    for text in ("", "1", "h", "1h2", "1 s", "--1s", "1e3s"):
        with pytest.raises(ValueError, match="parse error"):
            values.duration(text)
    for text in ("", " 1", "1_", "_1", "0x", "1.0", "08", "1" * 71):
        with pytest.raises(ValueError, match=r"parse error|out of range"):
            values.int64(text)
