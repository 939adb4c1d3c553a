# SPDX-License-Identifier: Apache-2.0
"""The command as a process: its exit codes, its streams, and what it loads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tricord
from tests.peers.processes import clean_environment
from tricord.cli.main import app

COMMAND = [sys.executable, "-m", "tricord"]


def run(*arguments: str, directory: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=directory,
        env=clean_environment(**variables),
        timeout=60,
        check=False,
    )


def test_version_and_help_go_to_stdout() -> None:
    assert run("--version").stdout == f"tricord {tricord.__version__}\n"
    for arguments in ((), ("serve",), ("txn",), ("config", "show"), ("member", "list"), ("member", "replace")):
        shown = CliRunner().invoke(app, [*arguments, "--help"])
        assert (shown.exit_code, shown.stderr) == (0, "")
        assert "Examples:" in shown.stdout


def test_help_loads_neither_the_member_nor_the_client() -> None:
    program = (
        "import sys, tricord.cli.main as m; sys.argv[1:] = ['--help']; m.main();"
        "sys.exit(any(name.startswith(('tricord.server.member', 'tricord.storage', 'tricord.transport', 'rich.table',"
        " 'tricord.client.connecting', 'pydantic', 'asyncio.base_events', 'lmdb', 'google.protobuf')) for name in"
        " sys.modules) and sorted(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_completion_is_offered() -> None:
    script = run("--show-completion", SHELL="/bin/bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert script.returncode in (0, 2)  # 2: the machine's shell is none that is known
    completed = run(_TRICORD_COMPLETE="complete_bash", COMP_WORDS="tricord co", COMP_CWORD="1")
    assert completed.stdout.split() == ["compact", "config"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("gett",), "Did you mean 'get'?"),
        (("serve", "--data-dri", "x"), "--data-dir"),
        (("get",), "Missing argument"),
        (("get", "k", "--limit", "many"), "many"),
        (("serve", "--listen", "nonsense"), "write HOST:PORT"),
        (("serve", "--listen", "0.0.0.0:0", "--advertise", "db1:2379"), "--insecure"),
        (("serve", "--listen", "[::]:0", "--insecure"), "--advertise HOST:PORT"),
        (("serve", "--log-format", "xml"), "auto, text, json"),
        (("serve", "--config", "/nowhere.toml"), "cannot read /nowhere.toml"),
    ],
)
def test_wrong_usage_ends_with_2_and_helps(arguments: tuple[str, ...], text: str) -> None:
    result = CliRunner().invoke(app, arguments, env={"TRICORD_CONFIG": None})
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr


def test_an_unknown_variable_ends_with_2() -> None:
    result = run("serve", TRICORD_DATADIR="x")
    assert result.returncode == 2
    assert "did you mean TRICORD_DATA_DIR?" in result.stderr


def test_config_show_says_where_values_come_from(tmp_path: Path) -> None:
    file = tmp_path / "tricord.toml"
    file.write_text('name = "a"\nlisten = "127.0.0.1:1"\n')
    shown = run("config", "show", "--listen", "127.0.0.1:3", TRICORD_CONFIG=str(file), TRICORD_DATA_DIR="here")
    lines = dict(line.split("\t", 1) for line in shown.stdout.splitlines())
    assert lines["name"] == f"a\tfile {file}"
    assert lines["data_dir"] == "here\tenvironment TRICORD_DATA_DIR"
    assert lines["listen"] == "127.0.0.1:3\tflag --listen"
    assert lines["insecure"] == "false\tdefault"
    assert list(tmp_path.iterdir()) == [file]


def test_a_reader_that_has_enough_is_no_traceback() -> None:
    process = subprocess.Popen(
        [*COMMAND, "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 1
    process.stderr.close()


def test_interrupting_a_command_ends_with_130() -> None:
    """The peer accepts and says nothing, so the command waits until it is interrupted."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [*COMMAND, "get", "k", "--timeout", "50", "--endpoints", endpoint],
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        connection, _ = listener.accept()
        assert connection.recv(1)  # it is past its start, and waits
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, errors) == (130, b"")


def test_keys_are_the_bytes_that_were_typed(etcd_endpoint: str) -> None:
    key = os.fsdecode(b"cli-bytes/\xff")
    assert run("put", key, "v", "--endpoints", etcd_endpoint).returncode == 0
    assert run("get", key, "--endpoints", etcd_endpoint).stdout == "cli-bytes/\\xff\tv\n"
