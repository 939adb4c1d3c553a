# SPDX-License-Identifier: Apache-2.0
"""Where `tricord etcd` listens, with which TLS, what it warns of, and how its log looks."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from tricord.api.doors import Door, Doors, Speaks
from tricord.base.environment import Clock
from tricord.base.errors import ConfigurationError
from tricord.cli.etcd_arguments import NotVerified, read_command_line
from tricord.cli.etcd_certificates import self_signed
from tricord.cli.etcd_cluster import check_advertised
from tricord.cli.etcd_command import etcd, help_text
from tricord.cli.etcd_flags import FLAGS
from tricord.cli.etcd_log import EtcdLog
from tricord.cli.etcd_manner import NEVER, EtcdManner, notify_systemd
from tricord.cli.etcd_plan import NotStarted, plan, verify
from tricord.cli.etcd_tls import CIPHER_SUITES


class Folder:
    """Files of TLS in a folder, and the doors that flags open beside them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        authority = trustme.CA()
        authority.cert_pem.write_to_path(path / "ca.pem")
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(path / "cert.pem")
        issued.private_key_pem.write_to_path(path / "key.pem")
        self.files = [f"--cert-file={path}/cert.pem", f"--key-file={path}/key.pem"]
        self.peer_files = [word.replace("--", "--peer-") for word in self.files]

    def doors(self, *words: str) -> Doors:
        given = read_command_line([f"--data-dir={self.path}/d", f"--log-outputs={self.path}/log", *words])
        verify(given)
        with closing(EtcdLog(given.values)) as log:
            return EtcdManner(given, plan(given), log).doors()

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.path / "log").read_text().splitlines()]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def folder(tls: Folder, tmp_path: Path) -> Folder:
    made = object.__new__(Folder)
    made.path, made.files, made.peer_files = tmp_path, tls.files, tls.peer_files
    return made


def places(doors: list[Door]) -> list[tuple[str, Speaks, bool]]:
    return [(str(door.address), door.speaks, door.tls is not None) for door in doors]


def test_without_flags_it_listens_where_etcd_does(folder: Folder) -> None:
    doors = folder.doors()
    assert places(doors.clients) == [("127.0.0.1:2379", Speaks.ALL, False)]
    assert places(doors.peers) == [("127.0.0.1:2380", Speaks.ALL, False)]
    assert (doors.client_urls, doors.peer_urls) == (["http://localhost:2379"], ["http://localhost:2380"])
    assert (doors.gateway, doors.call_times, doors.keepalive) == (True, False, None)
    assert folder.log() == []


def test_each_url_is_a_listener_and_its_scheme_says_whether_it_speaks_tls(folder: Folder) -> None:
    doors = folder.doors(
        *folder.files,
        *folder.peer_files,
        "--listen-client-urls=https://127.0.0.1:1,http://[::1]:2",
        "--advertise-client-urls=https://db:1",
        "--listen-client-http-urls=http://127.0.0.1:3",
        "--listen-metrics-urls=https://127.0.0.1:4",
        "--listen-peer-urls=https://127.0.0.1:5",
        "--enable-grpc-gateway=false",
        "--metrics=extensive",
        "--grpc-keepalive-interval=10s",
    )
    assert sorted(places(doors.clients), key=str) == [
        ("127.0.0.1:1", Speaks.GRPC, True),
        ("127.0.0.1:3", Speaks.HTTP, False),
        ("127.0.0.1:4", Speaks.METRICS, True),
        ("[::1]:2", Speaks.GRPC, False),
    ]
    assert places(doors.peers) == [("127.0.0.1:5", Speaks.ALL, True)]
    assert (doors.gateway, doors.call_times, doors.keepalive) == (False, True, (10.0, 20.0))
    ignored = "scheme is http or unix while key and cert files are present; ignoring key and cert files"
    assert [line["msg"] for line in folder.log()] == [ignored, ignored]


def test_all_addresses_are_those_of_both_families_and_one_line_warns_of_them(folder: Folder) -> None:
    doors = folder.doors(
        "--listen-client-urls=http://0.0.0.0:1",
        "--advertise-client-urls=http://db:1",
        "--listen-peer-urls=http://[::]:2",
        "--grpc-keepalive-timeout=0s",
    )
    assert [(str(door.address), door.may_lack) for door in doors.clients] == [("0.0.0.0:1", False), ("[::]:1", True)]
    assert [(str(door.address), door.may_lack) for door in doors.peers] == [("[::]:2", False), ("0.0.0.0:2", True)]
    (line,) = folder.log()
    assert (line["level"], line["urls"]) == ("warn", ["http://0.0.0.0:1", "http://[::]:2"])
    assert doors.keepalive == (NEVER, NEVER)


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        (["--client-cert-auth"], True),
        (["--trusted-ca-file={}/ca.pem"], True),
        (["--trusted-ca-file={}/ca.pem", "--client-cert-auth=false"], True),
        ([], False),
    ],
)
def test_who_connects_must_show_a_certificate_where_an_authority_or_the_flag_says_so(
    words: list[str], asks: bool, folder: Folder, tls: Folder
) -> None:
    https = ["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://a:1"]
    https += [*folder.files, *(word.format(tls.path) for word in words)]
    (door,) = folder.doors(*https).clients
    assert door.tls is not None
    assert (door.tls.verify_mode == ssl.CERT_REQUIRED) is asks
    peers = [
        word.replace("client-cert-auth", "peer-client-cert-auth").replace("--trusted", "--peer-trusted")
        for word in words
    ]
    peer_urls = ["--listen-peer-urls=https://127.0.0.1:1", "--initial-advertise-peer-urls=https://a:1", "--name=n1"]
    doors = folder.doors(*peer_urls, *folder.peer_files, *(word.format(tls.path) for word in peers))
    assert doors.peers[0].tls is not None
    assert (doors.peers[0].tls.verify_mode == ssl.CERT_REQUIRED) is asks
    assert doors.peer_tls is not None
    assert callable(doors.peer_tls.dialling)
    assert doors.peer_tls.dialling().check_hostname


def test_versions_and_suites_are_those_of_the_flags(folder: Folder) -> None:
    https = ["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://a:1", *folder.files]
    names = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"
    (door,) = folder.doors(*https, "--tls-max-version=TLS1.2", f"--cipher-suites={names}").clients
    assert door.tls is not None
    assert (door.tls.minimum_version, door.tls.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    older = {suite["name"] for suite in door.tls.get_ciphers() if suite["protocol"] == "TLSv1.2"}
    assert older == {"ECDHE-RSA-AES256-GCM-SHA384"}
    (door,) = folder.doors(*https, "--tls-min-version=TLS1.3").clients
    assert door.tls is not None
    assert door.tls.minimum_version == ssl.TLSVersion.TLSv1_3
    known = {suite["name"] for suite in _all_suites()}
    assert {suite for suite in CIPHER_SUITES.values() if suite and "GCM" in suite} <= known


def _all_suites() -> list[Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return list(context.get_ciphers())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://a:1"],
            "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS",
        ),
        (
            ["--listen-metrics-urls=https://127.0.0.1:1"],
            "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url",
        ),
        (
            ["--listen-peer-urls=https://127.0.0.1:1"],
            "cannot listen on TLS for 127.0.0.1:1: KeyFile and CertFile are not presented",
        ),
        (["--cipher-suites=foo"], 'unexpected TLS cipher suite "foo"'),
        (
            ["--listen-metrics-urls=https://127.0.0.1:1", "--cert-file=/absent", "--key-file=/absent"],
            "no such file or directory",
        ),
        (
            ["--auto-tls", "--self-signed-cert-validity=0"],
            "selfSignedCertValidity is invalid,it should be greater than 0",
        ),
        (
            ["--name=n1", "--initial-cluster=n1=http://localhost:2380,n2=https://b:1"],
            "--initial-cluster has http and https URLs",
        ),
        (
            ["--initial-cluster=default=http://127.0.0.9:1"],
            "--initial-cluster has default=http://127.0.0.9:1 but missing from"
            ' --initial-advertise-peer-urls=http://localhost:2380 (resolved urls: "http://localhost:2380" !=',
        ),
    ],
)
def test_what_cannot_be_opened_is_refused_in_etcds_words(words: list[str], text: str, folder: Folder) -> None:
    with pytest.raises(ConfigurationError) as refused:
        folder.doors(*words)
    assert text in str(refused.value)


def test_files_that_are_no_certificates_are_refused(folder: Folder) -> None:
    (folder.path / "text").write_text("no certificate")
    with pytest.raises(NotStarted, match="cannot use the files of TLS"):
        folder.doors(
            "--listen-metrics-urls=https://127.0.0.1:1",
            f"--cert-file={folder.path}/text",
            f"--key-file={folder.path}/text",
        )


def test_names_of_one_address_are_one_url_and_more_than_is_listed_is_refused() -> None:
    check_advertised("n1=http://127.0.0.1:1", "n1", ("http://localhost:1",))
    with pytest.raises(ConfigurationError, match="--initial-advertise-peer-urls has http"):
        check_advertised("n1=http://127.0.0.1:1", "n1", ("http://127.0.0.1:1", "http://127.0.0.1:2"))


def test_a_certificate_that_is_there_is_used_again_and_half_a_pair_is_not(tmp_path: Path) -> None:
    certificate, key = self_signed(str(tmp_path), ("https://127.0.0.1:1", "https://db.example:1"), 10**9)
    first = Path(certificate).read_bytes()
    assert self_signed(str(tmp_path), (), 1) == (certificate, key)
    assert Path(certificate).read_bytes() == first
    ssl.create_default_context().load_cert_chain(certificate, key)
    Path(key).unlink()
    self_signed(str(tmp_path), ("https://127.0.0.1:1",), 1)
    assert Path(certificate).read_bytes() != first
    assert Path(key).stat().st_mode & 0o077 == 0


class StillClock(Clock):
    def monotonic(self) -> float:
        return 0.0

    def wall_ns(self) -> int:
        return 0


def settings(**changed: Any) -> dict[str, Any]:
    said = {name: FLAGS[name].parse(FLAGS[name].default) for name in ("log-format", "log-level", "log-outputs")}
    return said | {name.replace("_", "-"): value for name, value in changed.items()}


def test_the_log_goes_to_every_output_in_etcds_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log"
    log = EtcdLog(settings(log_outputs=("stdout", "stderr", str(file)), log_level="warn"))
    log.say("info", "not wanted")
    log.say("warn", "wanted", data_dir="d")
    log.member_log(StillClock(), "m1").warning("of the member", local_id=7)
    log.close()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [list(line) for line in lines] == [
        ["level", "ts", "msg", "data-dir"],
        ["level", "ts", "msg", "member", "local-id"],
    ]
    assert [line["level"] for line in lines] == ["warn", "warn"]
    captured = capsys.readouterr()
    assert captured.out == captured.err == file.read_text()


def test_for_a_console_the_parts_are_divided_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    EtcdLog(settings(log_format="console")).say("error", "it failed", where="here")
    ts, level, text, rest = capsys.readouterr().err.strip().split("\t")
    assert (level, text, json.loads(rest)) == ("error", "it failed", {"where": "here"})
    assert ts.endswith("Z")


def test_an_output_that_cannot_be_opened_is_refused_and_one_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    with pytest.raises(NotVerified, match=r"couldn't open sink .*no such file or directory"):
        EtcdLog(settings(log_outputs=(str(tmp_path / "absent" / "log"),)))
    log = EtcdLog(settings(log_outputs=(str(tmp_path / "a"), str(tmp_path / "b"))))
    log._streams[0].close()
    log.say("info", "still")
    log.close()
    assert "still" in (tmp_path / "b").read_text()


def test_systemd_is_told_where_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify_systemd("READY=1")
        assert manager.recv(100) == b"READY=1"
    notify_systemd("READY=1")  # nobody listens any more


def test_the_data_of_an_etcd_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "member" / "snap").mkdir(parents=True)
    assert etcd([f"--data-dir={tmp_path}"]) == 1
    said = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert "holds the data of an etcd, which tricord does not read" in said["error"]
    assert [path.name for path in tmp_path.iterdir()] == ["member"]


def test_help_and_version_need_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert etcd(["--version"]) == 0
    assert etcd(["-h"]) == 0
    assert etcd(["--version=false", "--log-level=loud"]) == 2
    captured = capsys.readouterr()
    assert help_text() in captured.out
    assert 'panic: unrecognized level: "loud"' in captured.err
