"""The test command itself: it does not pass when a test was skipped, and says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.no_skips", "-c", os.devnull, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def test_a():\n    pass\n", 0),
        ("def test_a():\n    assert False\n", 1),
        ("import pytest\n@pytest.mark.skip\ndef test_a():\n    pass\ndef test_b():\n    pass\n", 1),
        ("import pytest\npytest.importorskip('no_such_module')\ndef test_a():\n    pass\n", 1),
    ],
)
def test_a_skipped_test_fails_the_run(tmp_path: Path, text: str, code: int) -> None:
    done = run_pytest(tmp_path, text)
    assert (done.returncode != 0) == (code != 0), done.stdout


@pytest.mark.parametrize("script", ["tests/run.sh", "demo.sh"])
def test_commands_say_what_to_install(tmp_path: Path, script: str) -> None:
    """With a Python that lacks venv, as on a Debian without python3-venv."""
    bare = tmp_path / "python3"
    bare.write_text('#!/bin/sh\ncase "$*" in *venv*) exit 1;; esac\n', encoding="utf-8")
    bare.chmod(0o755)
    done = subprocess.run(
        ["sh", script],
        cwd=ROOT,
        env={**os.environ, "PYTHON": str(bare)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "apt-get install python3-venv" in done.stderr
