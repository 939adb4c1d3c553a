# SPDX-License-Identifier: Apache-2.0
"""House rules that no linter knows, over every file that git tracks (or would)."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import tricord

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {".cjs", ".go", ".java", ".js", ".proto", ".py", ".pyi", ".sh"}
LINES_MAX = 600
GENERATED = ("go.mod", "go.sum", "package-lock.json", "requirements.lock")
DRAWERS = {"common", "helper", "helpers", "misc", "tools", "util", "utilities", "utils"}
HOSTS = ("pypi" + ".org", "python" + "hosted", "proxy.golang" + ".org", "registry.npm" + "js", "repo1.maven" + ".org")


@cache
def tracked() -> list[Path]:
    """Files of the checkout, new ones included, ignored ones not. Outside a checkout there is nothing to hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def sources() -> list[Path]:
    """Files that people write as code."""
    return [path for path in tracked() if path.suffix in SOURCES or path.name in {"Makefile", "run", "install"}]


def shown(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_every_source_file_names_its_licence() -> None:
    without = [
        path
        for path in sources()
        if (text := path.read_text()) and "SPDX-License-Identifier: Apache-2.0" not in text.partition("\n\n")[0]
    ]
    assert shown(without) == []


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    assert shown([path for path in sources() if len(path.read_text().splitlines()) > LINES_MAX]) == []


def test_every_module_says_what_it_decides() -> None:
    modules = [path for path in sources() if path.suffix == ".py" and path.name != "__init__.py"]
    without = [path for path in modules if '"""' not in "\n".join(path.read_text().splitlines()[:3])]
    assert shown(without) == []


def test_no_module_is_a_drawer() -> None:
    assert shown([path for path in sources() if path.stem in DRAWERS or path.parent.name in DRAWERS]) == []


@pytest.mark.parametrize("word", HOSTS)
def test_no_file_names_a_registry(word: str) -> None:
    assert shown([path for path in tracked() if word.encode() in path.read_bytes()]) == []


def test_no_file_names_a_machine() -> None:
    machine = re.compile(rb"(?<![\w.-])/(?:work|root|home|Users)/\w")
    assert shown([path for path in tracked() if machine.search(path.read_bytes())]) == []


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{tricord.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_package_has_a_folder_of_tests() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "tricord").glob("*/__init__.py")}
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/**/test_*.py")} | {
        path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/test_*.py")
    }
    assert packages - folders == set()


def test_decisions_are_numbered_and_listed() -> None:
    pages = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [page[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    assert [page for page in pages if f"({page})" not in index] == []
