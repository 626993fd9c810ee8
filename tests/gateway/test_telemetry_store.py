"""Segment files: an hour each, bounded by recorded time and bytes; a bad disk costs no more than it must."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.telemetry.chunk import pack
from gateway.telemetry.files import FOLDER_NAME, segment_files
from gateway.telemetry.frame import BLOCK_BYTES
from gateway.telemetry.reader import TelemetryError, TelemetryReader, read_segment
from gateway.telemetry.store import SegmentStore
from tests.support.telemetry import LABELS, MOST_BYTES, Written, chunk_head, head_of, second
from tests.support.waiting import DEADLINE_S

ROOT = Path(__file__).parents[2]


def numbers(data_dir: Path, sensor_id: str | None = "north", last_s: int | None = None) -> list[int]:
    return [one.second.number for one in TelemetryReader(data_dir).seconds(sensor_id, last_s)]


def folder_of(data_dir: Path) -> Path:
    return data_dir / FOLDER_NAME


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The kernel lets no file grow beyond this: a write comes back short, the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_written_can_be_read_while_the_writer_goes_on(tmp_path: Path) -> None:
    written = Written(tmp_path).heard(0, 120)
    assert numbers(tmp_path) == list(range(120))
    written.chunk(120, [second(120), second(121, "south")])
    assert numbers(tmp_path) == list(range(121))
    found = list(TelemetryReader(tmp_path).seconds("south"))[-1]
    assert (found.second.number, found.boot_id, found.model_id) == (121, "boot-1", "model-1")
    assert (found.clock, found.error_ms) == ("synced", 12)


def test_each_hour_of_recorded_time_is_a_file(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 7300)
    assert len(segment_files(folder_of(tmp_path))) == 3
    assert numbers(tmp_path) == list(range(7300))
    assert numbers(tmp_path, last_s=100) == list(range(7200, 7300))
    assert numbers(tmp_path, last_s=150) == list(range(7140, 7300))  # whole chunks
    assert numbers(tmp_path, last_s=100_000) == list(range(7300))


def test_a_new_run_begins_a_new_file(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 60).done()
    Written(tmp_path, boot_id="boot-2").heard(10, 70).done()
    assert len(segment_files(folder_of(tmp_path))) == 2
    assert {one.boot_id for one in TelemetryReader(tmp_path).seconds()} == {"boot-1", "boot-2"}


def test_the_oldest_goes_by_recorded_time_whatever_the_clock_says(tmp_path: Path) -> None:
    """Three hours are kept; meanwhile the clock jumps back by years with every run."""
    for hour in range(8):
        run = Written(tmp_path, boot_id=f"boot-{hour}", zero_utc_s=2e9 - hour * 1e8, most_recorded_s=3 * 3600)
        run.heard(0, 3600).done()
    assert [one.number for one in segment_files(folder_of(tmp_path))] == [6, 7, 8]
    assert len(numbers(tmp_path)) == 3 * 3600


def test_downtime_ages_nothing(tmp_path: Path) -> None:
    Written(tmp_path, most_recorded_s=3600).heard(0, 1800).done()
    Written(tmp_path, boot_id="boot-2", zero_utc_s=2e9, most_recorded_s=3600).heard(0, 1740).done()
    assert len(numbers(tmp_path)) == 1800 + 1740


def test_the_bound_in_bytes_sheds_the_oldest(tmp_path: Path) -> None:
    store = SegmentStore(folder_of(tmp_path), head_of(), 40 * BLOCK_BYTES)
    for at in range(0, 6000, 60):
        store.append(chunk_head(at), [pack(second(at), 0, LABELS)])
    store.close()
    assert sum(one.size_bytes for one in segment_files(folder_of(tmp_path))) <= 40 * BLOCK_BYTES
    assert numbers(tmp_path)[-1] == 5940
    assert store.shed > 0


def test_a_disk_that_is_nearly_full_costs_the_oldest_first_and_leaves_room_for_alerts(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 3 * 3600).done()
    before = len(segment_files(folder_of(tmp_path)))

    def room(folder: Path) -> tuple[int, int]:
        """Free only once two files are gone."""
        return (1_000_000 if len(segment_files(folder)) <= before - 1 else 100), 1000

    store = SegmentStore(folder_of(tmp_path), head_of("boot-2"), MOST_BYTES, room=room)
    store.append(chunk_head(5), [pack(second(5), 0, LABELS)])
    assert store.shed == 2
    assert numbers(tmp_path)[-1] == 5
    assert numbers(tmp_path)[0] == 2 * 3600


def test_a_disk_that_is_full_of_other_things_is_left_to_alerts(tmp_path: Path) -> None:
    store = SegmentStore(folder_of(tmp_path), head_of(), MOST_BYTES, room=lambda folder: (500, 1000))
    for _ in range(3):
        with pytest.raises(OSError, match="left to alerts"):
            store.append(chunk_head(5), [pack(second(5), 0, LABELS)])
    assert [one.size_bytes for one in segment_files(folder_of(tmp_path))] == [0]


def test_no_space_on_a_write_sheds_the_oldest_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Written(tmp_path).heard(0, 3600).done()
    real: Callable[[int, bytes, int], int] = os.pwrite
    full = [True]

    def pwrite(fd: int, content: bytes, offset: int) -> int:
        if full[0]:
            full[0] = len(segment_files(folder_of(tmp_path))) > 1
        if full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, content, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    store = SegmentStore(folder_of(tmp_path), head_of("boot-2"), MOST_BYTES)
    store.append(chunk_head(5), [pack(second(5), 0, LABELS)])
    assert (store.shed, numbers(tmp_path)) == (1, [5])


def test_a_write_that_fails_half_way_leaves_no_trace_and_the_next_is_whole(tmp_path: Path) -> None:
    written = Written(tmp_path).heard(0, 60)
    (file,) = segment_files(folder_of(tmp_path))
    with files_of_at_most(file.size_bytes + 1000), pytest.raises(OSError, match="too large"):
        written.heard(60, 120)
    assert segment_files(folder_of(tmp_path)) == [file]
    written.heard(60, 120)
    reader = TelemetryReader(tmp_path)
    assert [one.second.number for one in reader.seconds("north")] == list(range(120))
    assert reader.torn == {}


def test_a_first_write_that_fails_leaves_a_file_that_is_begun_again(tmp_path: Path) -> None:
    written = Written(tmp_path)
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"):
        written.heard(0, 60)
    assert numbers(tmp_path) == []
    written.heard(0, 60)
    assert numbers(tmp_path) == list(range(60))


def test_a_folder_that_somebody_removes_is_made_again(tmp_path: Path) -> None:
    written = Written(tmp_path).heard(0, 60)
    for file in segment_files(folder_of(tmp_path)):
        file.path.unlink()
    folder_of(tmp_path).rmdir()
    written.heard(60, 120)
    assert numbers(tmp_path) == list(range(60, 120))


def test_a_cut_at_any_byte_of_the_last_chunk_costs_that_chunk_alone(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 180).done()
    (file,) = segment_files(folder_of(tmp_path))
    content = file.path.read_bytes()
    last = len(content) - BLOCK_BYTES
    for cut in [*range(last, last + 300), *range(last + 300, len(content), 97)]:
        file.path.write_bytes(content[:cut])
        segment = read_segment(file, newest=False)
        assert segment is not None
        heard = [number for chunk in segment.chunks for number in chunk.number.tolist()]
        assert heard[:120] == list(range(120)), cut
        whole = len(heard) == 180
        assert whole or len(heard) == 120
        assert segment.torn == int(not whole and cut > last), cut


def test_garbled_bytes_in_the_middle_cost_that_chunk_and_are_counted(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 300).done()
    (file,) = segment_files(folder_of(tmp_path))
    content = bytearray(file.path.read_bytes())
    content[2 * BLOCK_BYTES + 50] ^= 0xFF
    file.path.write_bytes(content)
    reader = TelemetryReader(tmp_path)
    found = [one.second.number for one in reader.seconds("north")]
    assert found == [*range(60), *range(120, 300)]
    assert reader.torn == {file.path.name: 1}


def test_the_torn_end_of_the_file_that_is_being_written_is_no_damage(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 120).done()
    (file,) = segment_files(folder_of(tmp_path))
    os.truncate(file.path, file.size_bytes - BLOCK_BYTES + 50)
    reader = TelemetryReader(tmp_path)
    assert len(list(reader.seconds("north"))) == 60
    assert reader.torn == {}
    Written(tmp_path, boot_id="boot-2").heard(0, 60).done()
    reader = TelemetryReader(tmp_path)
    assert len(list(reader.seconds("north"))) == 120
    assert reader.torn == {file.path.name: 1}


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 5000, b"PK\x03\x04 something else", b"AGT1", bytes(range(1, 250)) * 40]
)
def test_a_file_that_is_no_segment_stops_nobody_and_is_kept_if_it_is_not_ours(
    tmp_path: Path, content: bytes
) -> None:
    folder = folder_of(tmp_path)
    folder.mkdir()
    (folder / "00000041.agwtel").write_bytes(content)
    (folder / "notes.txt").write_text("not a segment")
    written = Written(tmp_path, most_recorded_s=3600).heard(0, 3 * 3600)
    written.done()
    reader = TelemetryReader(tmp_path)
    found = [one.second.number for one in reader.seconds("north")]
    assert found[-1] == 3 * 3600 - 1
    assert segment_files(folder)[-1].number == 44
    ours = not content.strip(b"\0")
    assert (folder / "00000041.agwtel").exists() != ours
    assert reader.torn == ({} if ours else {"00000041.agwtel": 1})


def test_a_file_that_goes_while_it_is_read_is_passed_over(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 7200).done()
    reader = TelemetryReader(tmp_path)
    reader.files[0].path.unlink()
    assert [one.second.number for one in reader.seconds("north")] == list(range(3600, 7200))


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="no telemetry is kept here"):
        TelemetryReader(tmp_path)
    folder_of(tmp_path).write_text("a file in the place of the folder")
    with pytest.raises(TelemetryError, match="cannot be read"):
        TelemetryReader(tmp_path)


_WRITER = """
import sys
from pathlib import Path
from tests.support.telemetry import Written
written = Written(Path(sys.argv[1]))
at = 0
while True:
    written.heard(at, at + 60)
    at += 60
    print(at, flush=True)
"""


def test_what_was_said_to_be_written_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    for kill in range(5):
        data_dir = tmp_path / str(kill)
        data_dir.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = 0
        while said < 600 * (kill + 1):
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=DEADLINE_S)
        said = int((rest.split() or [said])[-1])
        found = numbers(data_dir)
        assert found == list(range(len(found)))
        assert said <= len(found) <= said + 60
