# SPDX-License-Identifier: Apache-2.0
"""``tricord serve`` as a process: what it says, how it stops, and how it refuses to start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from tests.peers.processes import clean_environment

SECONDS = 60


class Serving:
    """A member with its stderr in a pipe; ``started`` holds the lines up to the one that says it is ready."""

    def __init__(self, directory: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "tricord", "serve", "--data-dir", str(directory), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        assert self.process.stderr is not None
        self._lines = iter(self.process.stderr)

    def read_until(self, text: str) -> list[str]:
        """Lines of the log up to the one with ``text``; fails when the log ends before."""
        seen: list[str] = []
        for line in self._lines:
            seen.append(line)
            if text in line:
                return seen
        raise AssertionError(f"{text!r} was never said: {seen}")

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout, and what stderr still held."""
        output, _ = self.process.stdout, self.process.stderr
        assert output is not None
        rest = "".join(self._lines)
        return self.process.wait(SECONDS), output.read(), rest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=SECONDS)


def refused(directory: Path, *flags: str) -> tuple[int, str]:
    """Exit code and stderr of a member that does not start."""
    command = [sys.executable, "-m", "tricord", "serve", "--data-dir", str(directory), "--listen", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "--log-level", "error", *flags],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2, "a sentence and a hint"
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    with Serving(tmp_path / "data", "--name", "m1") as member:
        lines = [json.loads(line) for line in member.read_until("ready to serve client requests")]
        for line in lines:
            assert list(line)[:4] == ["ts", "level", "event", "member"]
            assert line["member"] == "m1"
        ready = lines[-1]
        with urllib.request.urlopen(f"http://{ready['listen']}/health") as answer:
            assert answer.read() == b'{"health":"true","reason":""}'
        assert len(ready["try"]) == 3
        member.process.send_signal(number)
        code, output, rest = member.end()
        assert (code, output) == (0, "")
        assert [json.loads(line)["event"] for line in rest.splitlines()] == ["told to stop", "draining", "stopped"]


def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with Serving(tmp_path / "data", "--drain-seconds", "600") as member:
        ready = json.loads(member.read_until("ready to serve client requests")[-1])
        host, _, port = ready["listen"].partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /v3/kv/put HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{")
            with urllib.request.urlopen(f"http://{ready['listen']}/health") as answer:
                answer.read()  # by now the member knows of both connections
            member.process.terminate()
            member.read_until("draining")
            member.process.terminate()
            assert member.process.wait(SECONDS) == 130


def test_for_people_it_names_the_endpoints_and_three_lines_to_try(tmp_path: Path) -> None:
    with Serving(tmp_path / "data", "--log-format", "text") as member:
        block = "".join(member.read_until("stop with Ctrl-C"))
        address = block.partition("serves on ")[2].partition(" ")[0]
        for text in (
            "ready to serve client requests",
            "/v3/kv/range",
            f"http://{address}/tricord/v1/",
            "/readyz",
            "/metrics",
            f"etcdctl --endpoints http://{address} put greeting hello\n",
            f"tricord --endpoints http://{address} get greeting\n",
            f"curl http://{address}/health\n",
        ):
            assert text in block


def test_it_is_one_process(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as member:
        ready = json.loads(member.read_until("ready to serve client requests")[-1])
        process = Path(f"/proc/{member.process.pid}")
        assert member.process.pid == json.loads((tmp_path / "data" / "LOCK").read_text())
        children = process / "task" / str(member.process.pid) / "children"
        assert children.read_text() == ""
        command = (process / "cmdline").read_bytes().split(b"\0")
        assert command[:4] == [sys.executable.encode(), b"-m", b"tricord", b"serve"]
        assert ready["member"] == "default"


def test_tls_serves_the_command_line(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "cert.pem"), append=True)
    files = ("--cert-file", str(tmp_path / "cert.pem"), "--key-file", str(tmp_path / "key.pem"))
    with Serving(tmp_path / "data", *files) as member:
        listen = json.loads(member.read_until("ready to serve client requests")[-1])["listen"]

        def tricord(*arguments: str) -> Any:
            command = [sys.executable, "-m", "tricord", *arguments, "--endpoints", f"https://{listen}"]
            return subprocess.run(
                command, capture_output=True, text=True, env=clean_environment(), timeout=SECONDS, check=False
            )

        trusting = ("--cacert", str(tmp_path / "ca.pem"))
        assert tricord("put", "a", "b", *trusting).returncode == 0
        assert tricord("get", "a", *trusting).stdout == "a\tb\n"
        distrusting = tricord("get", "a", "--timeout", "5")
        assert (distrusting.returncode, distrusting.stdout) == (4, "")
        assert "certificate" in distrusting.stderr


def test_an_address_that_is_not_here_is_a_matter_of_configuration(tmp_path: Path) -> None:
    code, said = refused(tmp_path / "data", "--listen", "192.0.2.1:0", "--insecure")
    assert code == 2
    assert "cannot listen on 192.0.2.1:0" in said


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = refused(tmp_path / "file" / "data")
    assert code == 1
    assert str(tmp_path / "file") in said


def test_a_certificate_that_cannot_be_used_is_a_matter_of_configuration(tmp_path: Path) -> None:
    code, said = refused(tmp_path / "data", "--cert-file", "/nowhere.pem", "--key-file", "/nowhere.pem")
    assert code == 2
    assert "/nowhere.pem" in said
