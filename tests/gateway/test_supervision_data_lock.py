"""One gateway for one data folder, whoever ends however."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.supervision.data_lock import LOCK_NAME, DataLock, holder_of
from tests.support.gateway_process import REPOSITORY

HOLD = """
import sys
from pathlib import Path
from gateway.supervision.data_lock import DataLock
lock = DataLock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder until it is ended."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_one_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        with pytest.raises(GatewayError) as refused:
            DataLock.take(tmp_path, patience_s=0.0)
        assert str(process.pid) in refused.value.what
        assert refused.value.where == str(tmp_path)
        assert "data_dir" in refused.value.hint
        assert holder_of(tmp_path) == process.pid


def test_the_kernel_gives_it_back_after_kill_9(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        process.kill()
        process.wait()
        lock = DataLock.take(tmp_path)
    assert holder_of(tmp_path) == os.getpid()
    lock.release()


def test_one_that_is_being_killed_is_waited_for(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        process.kill()  # not reaped yet: it may still be there
        DataLock.take(tmp_path, patience_s=30.0).release()


def test_it_is_free_after_release_and_the_file_is_not_in_the_way(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    lock = DataLock.take(tmp_path)
    lock.release()
    lock.release()
    assert holder_of(tmp_path) is None
    assert (tmp_path / LOCK_NAME).exists()
    DataLock.take(tmp_path).release()


def test_whoever_looks_takes_nothing(tmp_path: Path) -> None:
    lock = DataLock.take(tmp_path)
    for _ in range(100):
        assert holder_of(tmp_path) == os.getpid()
    lock.release()
    for _ in range(100):
        assert holder_of(tmp_path) is None
    DataLock.take(tmp_path, patience_s=0.0).release()


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\xff\xfe", b"9" * 50])
def test_whatever_stands_in_the_file_does_not_matter(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK_NAME).write_bytes(content)
    lock = DataLock.take(tmp_path)
    assert holder_of(tmp_path) == os.getpid()
    lock.release()


def test_a_folder_that_takes_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as refused:
        DataLock.take(tmp_path / "no-such-folder")
    assert "lock" in refused.value.where
    assert refused.value.hint
