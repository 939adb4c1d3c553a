# SPDX-License-Identifier: Apache-2.0
"""`tricord etcd` and a real `etcd`, started by the same words: what they refuse, where they listen, how they end."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from tests.peers.etcd_command import TRICORD, Command, refusal

pytestmark = pytest.mark.peer("etcd")

URLS = [
    "--data-dir={dir}",
    "--listen-client-urls=http://{client}",
    "--advertise-client-urls=http://{client}",
    "--listen-peer-urls=http://{peer}",
    "--initial-advertise-peer-urls=http://{peer}",
    "--initial-cluster=default=http://{peer}",
]
KINDS = ("tricord", "etcd")


@pytest.fixture(scope="module")
def bases(peer: Callable[[str], Path]) -> dict[str, Sequence[str]]:
    return {"tricord": TRICORD, "etcd": [str(peer("etcd"))]}


REFUSALS: dict[str, tuple[list[str], dict[str, str]]] = {
    "an unknown flag": (["--nosuch"], {}),
    "an unknown flag, one hyphen": (["-nosuch=1"], {}),
    "no value": (["--name"], {}),
    "no truth value": (["--auto-tls=maybe"], {}),
    "no number": (["--heartbeat-interval=abc"], {}),
    "no duration": (["--watch-progress-notify-interval=5"], {}),
    "no URL": (["--listen-client-urls=foo"], {}),
    "no port": (["--listen-client-urls=http://127.0.0.1"], {}),
    "no such state": (["--initial-cluster-state=bad"], {}),
    "no such feature": (["--feature-gates=Foo=true"], {}),
    "a word that is no flag": (["--name=x", "foo"], {}),
    "a truth value apart": (["--auto-tls", "false"], {}),
    "a name to bind": (["--listen-client-urls=http://a.b:1"], {}),
    "nothing advertised": (["--listen-client-urls=http://127.0.0.1:1"], {}),
    "no heartbeat": (["--heartbeat-interval=0"], {}),
    "an election that is too short": (["--election-timeout=10"], {}),
    "an election that is too long": (["--election-timeout=60000"], {}),
    "an unknown compaction": (["--auto-compaction-mode=foo"], {}),
    "an unknown logger": (["--logger=foo"], {}),
    "an unknown level": (["--log-level=foo"], {}),
    "an unknown version of TLS": (["--tls-min-version=foo"], {}),
    "a flag and its variable": (["--name=x"], {"ETCD_NAME": "y"}),
    "a variable that cannot be read": ([], {"ETCD_AUTO_TLS": "maybe"}),
    "a file that is absent": (["--config-file=absent.yml"], {}),
    "a file that is absent, by the variable": ([], {"ETCD_CONFIG_FILE": "absent.yml"}),
    "another name in the cluster": ([*URLS[:-1], "--initial-cluster=other=http://{peer}"], {}),
    "another URL in the cluster": ([*URLS[:-1], "--initial-cluster=default=http://127.0.0.1:1"], {}),
    "https without a certificate": ([*URLS, "--listen-client-urls=https://{client}"], {}),
    "https for peers without a certificate": ([*URLS, "--listen-peer-urls=https://{peer}"], {}),
    "an unknown cipher": ([*URLS, "--cipher-suites=foo"], {}),
    "a retention that is none": ([*URLS, "--auto-compaction-retention=abc"], {}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_both_refuse_alike(name: str, bases: dict[str, Sequence[str]], tmp_path: Path) -> None:
    words, environment = REFUSALS[name]
    places = Command(TRICORD, tmp_path / "d", words)
    told = {kind: refusal(bases[kind], places.words, tmp_path, environment) for kind in KINDS}
    assert told["tricord"] == told["etcd"]


def test_the_version_is_in_the_lines_that_tools_parse(bases: dict[str, Sequence[str]]) -> None:
    outputs = [
        subprocess.run([*bases[kind], "--version"], capture_output=True, text=True, check=True) for kind in KINDS
    ]
    labels = [[line.partition(":")[0] for line in output.stdout.splitlines()] for output in outputs]
    assert labels[0] == labels[1]
    tricord, etcd = (output.stdout.splitlines()[0] for output in outputs)
    assert tricord.startswith("etcd Version: 3.6.")
    assert tricord.rpartition(".")[0] == etcd.rpartition(".")[0]


def test_help_lists_every_flag(bases: dict[str, Sequence[str]]) -> None:
    outputs = [subprocess.run([*bases[kind], "--help"], capture_output=True, text=True, check=True) for kind in KINDS]
    flags = [{line.split()[0] for line in output.stdout.splitlines() if line.startswith("  --")} for output in outputs]
    missing = {flag for flag in flags[1] - flags[0] if not flag.startswith("--experimental-")}
    assert missing == set()


@pytest.fixture(scope="module")
def plain(bases: dict[str, Sequence[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Command]]:
    """Both on two client URLs, with a port for metrics. All is said in the environment and by flags, half and half."""
    folder = tmp_path_factory.mktemp("plain")
    words = [
        "--data-dir={dir}",
        "--listen-client-urls=http://{client},http://{client2}",
        "-advertise-client-urls",
        "http://{client},http://{client2}",
        "--metrics=extensive",
        "--experimental-watch-progress-notify-interval=1m",
    ]
    environment = {
        "ETCD_NAME": "m1",
        "ETCD_LISTEN_PEER_URLS": "http://{peer}",
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": "http://{peer}",
        "ETCD_LISTEN_METRICS_URLS": "http://{metrics}",
    }
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(Command(bases[kind], folder / kind, words, environment=environment))
            for kind in KINDS
        }


def get(place: str, path: str, *, method: str = "GET", body: str | None = None) -> tuple[int, bytes]:
    host, _, port = place.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def post(place: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(get(place, path, method="POST", body=json.dumps(body))[1])
    return answer


def test_each_client_url_serves_the_same_store(plain: dict[str, Command]) -> None:
    for server in plain.values():
        post(server.places["client"], "/v3/kv/put", {"key": "YQ==", "value": "MQ=="})
        assert post(server.places["client2"], "/v3/kv/range", {"key": "YQ=="})["kvs"][0]["value"] == "MQ=="


def test_the_members_own_words_are_what_was_advertised(plain: dict[str, Command]) -> None:
    for server in plain.values():
        (member,) = post(server.endpoint, "/v3/cluster/member/list", {})["members"]
        assert member["name"] == "m1"
        assert sorted(member["clientURLs"]) == sorted(f"http://{server.places[at]}" for at in ("client", "client2"))
        assert member["peerURLs"] == [f"http://{server.places['peer']}"]


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/version", "/v3/kv/range", "/nosuch"])
def test_the_port_for_metrics_answers_the_same_paths(path: str, plain: dict[str, Command]) -> None:
    tricord, etcd = (get(plain[kind].places["metrics"], path) for kind in KINDS)
    assert tricord == etcd


# etcd's figures of what tricord has no counterpart of: bbolt, its v2 store, its proxy, Go.
ABSENT = (
    "etcd_debugging_auth_revision",
    "etcd_debugging_disk_backend_commit_",
    "etcd_debugging_lease_ttl_total",
    "etcd_debugging_mvcc_db_compaction_",
    "etcd_debugging_mvcc_index_compaction_",
    "etcd_debugging_snap_",
    "etcd_debugging_store_",
    "etcd_disk_backend_snapshot_",
    "etcd_disk_wal_write_",
    "etcd_grpc_proxy_",
    "etcd_mvcc_db_open_read_transactions",
    "etcd_mvcc_hash_",
    "etcd_server_apply_duration_seconds",
    "etcd_server_feature_enabled",
    "etcd_server_client_requests",
    "etcd_server_go_version",
    "etcd_debugging_mvcc_total_put_size_in_bytes",
    "etcd_server_healthcheck",
    "etcd_server_range_duration_seconds",
    "etcd_server_heartbeat_send_failures_total",
    "etcd_server_learner_promote_successes",
    "etcd_server_slow_read_indexes_total",
    "etcd_server_snapshot_apply_in_progress_total",
    "etcd_snap_",
    "etcd_disk_defrag_inflight",
    "etcd_network_known_peers",
    "go_",
    "grpc_server_msg_",
    "os_fd_",
    "process_network_",
    "process_virtual_memory_max_bytes",
    "promhttp_",
)


def test_metrics_have_etcds_names_and_kinds_and_can_be_parsed(plain: dict[str, Command]) -> None:
    pages = [get(plain[kind].places["metrics"], "/metrics")[1].decode() for kind in KINDS]
    tricord, etcd = ({one.name: one for one in text_string_to_metric_families(page)} for page in pages)
    wanted = {name for name in etcd if not (name + "_total").startswith(ABSENT) and not name.startswith(ABSENT)}
    assert wanted - set(tricord) == set()
    for name in wanted:
        # A counter without the suffix that the format gives counters cannot be called one by this library.
        assert tricord[name].type in (etcd[name].type, "unknown"), name
        labels = [{key for sample in one[name].samples for key in sample.labels} for one in (tricord, etcd)]
        assert labels[0] == labels[1], name
    assert get(plain["tricord"].endpoint, "/metrics")[0] == 200


def test_the_log_has_the_lines_that_tools_wait_for(plain: dict[str, Command]) -> None:
    for server in plain.values():
        assert server.said("ready to serve client requests")
        assert server.said("serving client traffic insecurely; this is strongly discouraged!")
        for line in server.lines():
            assert {"level", "ts", "msg"} <= set(line)
            assert line["level"] in ("info", "warn", "error")


def test_a_port_that_is_taken_is_named(
    plain: dict[str, Command], bases: dict[str, Sequence[str]], tmp_path: Path
) -> None:
    told = []
    for kind in KINDS:
        words = [word.replace("{client}", plain[kind].places["client"]) for word in URLS]
        code, text = refusal(bases[kind], Command(TRICORD, tmp_path / kind, words).words, tmp_path)
        told.append((code, text.replace(plain[kind].endpoint, "PLACE")))
    assert told[0] == told[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_as_the_signal_says(
    number: signal.Signals, bases: dict[str, Sequence[str]], tmp_path: Path
) -> None:
    codes = []
    for kind in KINDS:
        words = [*URLS, "--snapshot-count=10", "--backend-batch-limit=5", "--enable-pprof", "--auth-token=simple"]
        server = Command(bases[kind], tmp_path / kind, words)
        with server:
            put = post(server.endpoint, "/v3/kv/put", {"key": "YQ==", "value": "MQ=="})
            assert put["header"]["revision"] == "2"
            assert server.directory.stat().st_mode & 0o777 == 0o700
            server.signal(number)
            codes.append(server.wait())
        with server:  # again, by the same words
            assert post(server.endpoint, "/v3/kv/range", {"key": "YQ=="})["count"] == "1"
    assert codes == [-number, -number]


def test_a_configuration_file_says_it_all(bases: dict[str, Sequence[str]], tmp_path: Path) -> None:
    listed = []
    for kind in KINDS:
        server = Command(bases[kind], tmp_path / kind, ["--config-file={folder}/{name}.yml", "--name=not-looked-at"])
        server.words = [word.replace("{name}", kind) for word in server.words]
        text = "".join(word.removeprefix("--").replace("=", ": ", 1) + "\n" for word in URLS if "cluster" not in word)
        text += "name: from-file\ninitial-cluster: from-file=http://{peer}\nmax-txn-ops: 1\nnosuch: 1\n"
        text += "client-transport-security:\n  auto-tls: true\nlog-outputs: [stderr]\n"
        (tmp_path / f"{kind}.yml").write_text(server.filled(text))
        with server:
            (member,) = post(server.endpoint, "/v3/cluster/member/list", {})["members"]
            two = [{"requestPut": {"key": "YQ=="}}, {"requestPut": {"key": "Yg=="}}]
            refused = post(server.endpoint, "/v3/kv/txn", {"success": two})
            listed.append((member["name"], refused["code"], refused["message"]))
    assert listed[0] == listed[1]
    assert listed[0][0] == "from-file"


def test_http_on_urls_of_its_own_leaves_grpc_alone(bases: dict[str, Sequence[str]], tmp_path: Path) -> None:
    answers = []
    for kind in KINDS:
        words = [*URLS, "--listen-client-http-urls=http://{client2}"]
        server = Command(bases[kind], tmp_path / kind, words)
        server.port = int(server.places["client2"].rpartition(":")[2])  # where its health is asked
        with server:
            seen = [get(server.places["client2"], path)[0] for path in ("/health", "/version", "/metrics")]
            seen.append(get(server.places["client2"], "/v3/kv/range", method="POST", body='{"key":"YQ=="}')[0])
            answers.append(seen)
            assert speaks_grpc(server.places["client"])
            assert not speaks_grpc(server.places["client2"])
    assert answers[0] == answers[1] == [200, 200, 200, 200]


def speaks_grpc(place: str) -> bool:
    import grpc

    with grpc.insecure_channel(place) as channel:
        try:
            channel.unary_unary("/etcdserverpb.KV/Range")(b"\x0a\x01a", timeout=60)
        except grpc.RpcError:
            return False
        return True


# --- TLS ------------------------------------------------------------------------------------------------------


class Authority:
    """Certificates of one test, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(folder / "ca.pem")
        self.issue("server", "127.0.0.1", "localhost")
        self.issue("wanted", "wanted.example")
        self.issue("other", "other.example")

    def issue(self, name: str, *hosts: str) -> None:
        certificate = self.ca.issue_cert(*hosts)
        certificate.cert_chain_pems[0].write_to_path(self.folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(self.folder / f"{name}.key")

    def context(self, shown: str = "", *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """For a client that trusts the authority and shows a certificate."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if shown:
            context.load_cert_chain(self.folder / f"{shown}.pem", self.folder / f"{shown}.key")
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def secured(words: list[str]) -> list[str]:
    return [word.replace("client-urls=http:", "client-urls=https:") for word in words]


def over_tls(place: str, context: ssl.SSLContext) -> str:
    """What a request over TLS comes to: the status, or that there is no answer."""
    host, _, port = place.rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=60, context=context)
    try:
        connection.request("GET", "/health")
        return str(connection.getresponse().status)
    except (ssl.SSLError, OSError, http.client.HTTPException):
        return "refused"
    finally:
        connection.close()


@pytest.fixture(scope="module")
def mutual(
    bases: dict[str, Sequence[str]], authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Command]]:
    """Both ask for certificates with one of two names, and speak TLS 1.3 alone."""
    folder = tmp_path_factory.mktemp("mutual")
    files = authority.folder
    words = [
        *secured(URLS),
        f"--cert-file={files}/server.pem",
        f"--key-file={files}/server.key",
        f"--trusted-ca-file={files}/ca.pem",
        "--client-cert-auth",
        "--client-cert-allowed-hostname=wanted.example,more.example",
        "--tls-min-version=TLS1.3",
        "--listen-metrics-urls=http://{metrics}",
    ]
    with ExitStack() as stack:
        servers = {}
        for kind in KINDS:
            server = Command(bases[kind], folder / kind, words, tls=authority.context("wanted"))
            servers[kind] = stack.enter_context(server)
        yield servers


CLIENTS: dict[str, Callable[[Authority], ssl.SSLContext]] = {
    "with the certificate that is wanted": lambda authority: authority.context("wanted"),
    "with another name": lambda authority: authority.context("other"),
    "without a certificate": lambda authority: authority.context(),
    "with an older version": lambda authority: authority.context("wanted", version=ssl.TLSVersion.TLSv1_2),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_clients_are_let_in_by_the_same_certificates(
    name: str, mutual: dict[str, Command], authority: Authority
) -> None:
    tricord, etcd = (over_tls(mutual[kind].endpoint, CLIENTS[name](authority)) for kind in KINDS)
    assert tricord == etcd
    assert (tricord == "200") == (name == "with the certificate that is wanted")


def test_a_plain_url_beside_tls_stays_plain(mutual: dict[str, Command]) -> None:
    for server in mutual.values():
        assert get(server.places["metrics"], "/health")[0] == 200


def test_an_authority_alone_asks_for_certificates_too(
    bases: dict[str, Sequence[str]], authority: Authority, tmp_path: Path
) -> None:
    files = authority.folder
    words = [*secured(URLS), f"--cert-file={files}/server.pem", f"--key-file={files}/server.key"]
    words += [f"--trusted-ca-file={files}/ca.pem", "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
    seen = []
    for kind in KINDS:
        with Command(bases[kind], tmp_path / kind, words, tls=authority.context("other")) as server:
            other = authority.context("other", version=ssl.TLSVersion.TLSv1_2)
            other.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
            contexts = [authority.context("other"), authority.context(), other]
            seen.append([over_tls(server.endpoint, context) for context in contexts])
    assert seen[0] == seen[1]
    assert seen[0][:2] == ["200", "refused"]


def test_a_certificate_that_is_replaced_is_shown_to_those_who_come_later(
    bases: dict[str, Sequence[str]], authority: Authority, tmp_path: Path
) -> None:
    renewed = authority.ca.issue_cert("localhost", "127.0.0.1")
    for kind in KINDS:
        certificate, key = tmp_path / f"{kind}.pem", tmp_path / f"{kind}.key"
        certificate.write_bytes((authority.folder / "server.pem").read_bytes())
        key.write_bytes((authority.folder / "server.key").read_bytes())
        words = [*secured(URLS), f"--cert-file={certificate}", f"--key-file={key}"]
        with Command(bases[kind], tmp_path / kind, words, tls=authority.context()) as server:
            before = ssl.get_server_certificate(("127.0.0.1", server.port))
            renewed.private_key_pem.write_to_path(key)
            renewed.cert_chain_pems[0].write_to_path(certificate)
            assert over_tls(server.endpoint, authority.context()) == "200"
            after = ssl.get_server_certificate(("127.0.0.1", server.port))
            assert after.split() == renewed.cert_chain_pems[0].bytes().decode().split()
            assert after != before


def test_certificates_that_it_makes_itself_are_kept(bases: dict[str, Sequence[str]], tmp_path: Path) -> None:
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    words = [word.replace("http:", "https:") for word in URLS]
    for kind in KINDS:
        server = Command(bases[kind], tmp_path / kind, [*words, "--auto-tls", "--peer-auto-tls"], tls=anybody)
        with server:
            certificate = server.directory / "fixtures" / "client" / "cert.pem"
            shown = ssl.get_server_certificate(("127.0.0.1", server.port))
            assert shown == certificate.read_text()
            trusting = ssl.create_default_context(cafile=str(certificate))
            trusting.verify_flags |= 0x80000  # X509_V_FLAG_PARTIAL_CHAIN: the certificate is its own authority
            assert over_tls(server.endpoint, trusting) == "200"
            assert (server.directory / "fixtures" / "peer" / "key.pem").stat().st_mode & 0o077 == 0
        with server:
            assert ssl.get_server_certificate(("127.0.0.1", server.port)) == shown
