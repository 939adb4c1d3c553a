# SPDX-License-Identifier: Apache-2.0
"""The pages that are made from the code say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tricord.cli import generated_docs
from tricord.cli.exit_codes import MEANINGS, ExitCode

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(generated_docs.pages()))
def test_the_committed_page_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == generated_docs.pages()[name], "run make docs"


def test_writing_them_makes_all(tmp_path: Path) -> None:
    generated_docs.main(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == set(generated_docs.pages())


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(ExitCode)
