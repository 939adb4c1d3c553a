# SPDX-License-Identifier: Apache-2.0
"""The wheel is whole: built, unpacked outside the checkout, and run from there, server and client."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.peers.processes import MemberProcess, clean_environment

ROOT = Path(__file__).resolve().parents[1]
BUILD_SECONDS = 120


class InstalledMember(MemberProcess):
    """`tricord serve` by the command that the wheel installed."""

    def __init__(self, tricord: Path, directory: Path, environment: dict[str, str]) -> None:
        super().__init__(directory, environment=environment)
        self.tricord = tricord

    def command(self) -> list[str]:
        return [str(self.tricord), "serve", "--data-dir", str(self.directory), "--listen", self.endpoint]


def _run(*command: str | Path, folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
        env=environment or clean_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh wheel and sdist."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    return folder


@pytest.fixture(scope="module")
def installed(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with the wheel. Dependencies come from this run's environment: nothing is downloaded."""
    venv = tmp_path_factory.mktemp("outside") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", venv, folder=venv.parent)
    (wheel,) = distributions.glob("*.whl")
    target = sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
    pip = (sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "--quiet")
    _run(*pip, "--no-index", "--no-deps", wheel, folder=venv.parent)
    # This environment's packages, but not its editable tricord: a .pth in the new venv is read after its own packages.
    (Path(target) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv


def test_the_wheel_holds_the_package_and_nothing_else(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = _run(sys.executable, "-m", "zipfile", "-l", wheel, folder=distributions)
    files = [line.split()[0] for line in names.splitlines()[1:]]
    assert {name.partition("/")[0].partition("-")[0] for name in files} == {"tricord"}
    assert "tricord/py.typed" in files
    assert any(name.endswith("licenses/LICENSE") for name in files)
    assert len(list(distributions.glob("*.tar.gz"))) == 1


def test_server_and_client_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    tricord, python = installed / "bin" / "tricord", installed / "bin" / "python"
    environment = clean_environment(PATH=f"{installed / 'bin'}:{os.environ['PATH']}")
    place = _run(python, "-c", "import tricord; print(tricord.__file__)", folder=tmp_path, environment=environment)
    assert Path(place.strip()).is_relative_to(installed)
    member = InstalledMember(tricord, tmp_path / "data", environment)
    with member:
        endpoints = ("--endpoints", member.endpoint)
        _run(tricord, *endpoints, "put", "greeting", "hello", folder=tmp_path, environment=environment)
        program = (
            f"import tricord\nwith tricord.connect({member.endpoint!r}) as store: print(store.get('greeting').text)"
        )
        assert _run(python, "-c", program, folder=tmp_path, environment=environment) == "hello\n"
    assert "ready to serve client requests" in member.log_text()
