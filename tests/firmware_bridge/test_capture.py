"""The capture file: what was written is read, and damage is said, not raised."""

from __future__ import annotations

import os
import random
import resource
import signal
import struct
from pathlib import Path

import pytest

from firmware_bridge.capture import (
    MAX_CHUNK_BYTES,
    CaptureHeader,
    CaptureProblem,
    CaptureReader,
    Chunk,
    Damage,
    Source,
    encode_chunk,
    encode_header,
    open_capture,
)
from firmware_bridge.capture_writer import create_capture, write_capture
from firmware_bridge.checksum import crc32c

HEADER = CaptureHeader(
    what="a shout in a courtyard",
    origin="/dev/serial/by-id/usb-sensor",
    licence="CC0-1.0",
    made_by="agw record",
    layout=1,
    sensor="SIM-0001",
    name="shout_courtyard",
    label="shout",
    full_scale_db=120.0,
    sources=(Source("emogator", "clip 7", "Apache-2.0", "speaker-3"),),
    created_utc="2026-01-02T03:04:05Z",
    note="één stoel",
)


def _chunks(seed: int, count: int = 40) -> list[Chunk]:
    rng = random.Random(seed)
    t_us = 0
    chunks = []
    for _ in range(count):
        t_us += rng.randrange(200_000)
        chunks.append(Chunk(t_us, rng.randbytes(rng.randrange(1, 90))))
    return chunks


def _read(path: Path) -> tuple[list[Chunk], CaptureProblem | None]:
    reader = open_capture(path)
    assert isinstance(reader, CaptureReader)
    with reader:
        return list(reader), reader.problem


def _problem(path: Path) -> CaptureProblem:
    opened = open_capture(path)
    assert isinstance(opened, CaptureProblem)
    return opened


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.agwcap"
    chunks = _chunks(1)
    write_capture(path, HEADER, chunks)
    reader = open_capture(path)
    assert isinstance(reader, CaptureReader)
    with reader:
        assert reader.header == HEADER
        assert list(reader) == chunks
        assert reader.problem is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.agwcap"]


def test_minimal_header_and_no_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.agwcap"
    header = CaptureHeader(what="nothing", origin="-", licence="CC0-1.0", made_by="test")
    write_capture(path, header, [])
    assert _read(path) == ([], None)
    reader = open_capture(path)
    assert isinstance(reader, CaptureReader)
    with reader:
        assert reader.header == header


def test_a_person_can_read_the_header() -> None:
    lines = encode_header(HEADER).split(b"\n")
    assert lines[0] == b"AGWCAP1"
    assert "één stoel" in lines[1].decode(errors="replace")


def test_cut_anywhere_reads_up_to_the_cut(tmp_path: Path) -> None:
    chunks = _chunks(2, count=6)
    head = encode_header(HEADER)
    content = head + b"".join(encode_chunk(chunk) for chunk in chunks)
    ends = [len(head)]
    for chunk in chunks:
        ends.append(ends[-1] + len(encode_chunk(chunk)))
    path = tmp_path / "cut.agwcap"
    for cut in range(len(head), len(content) + 1):
        path.write_bytes(content[:cut])
        read, problem = _read(path)
        whole = sum(end <= cut for end in ends[1:])
        assert read == chunks[:whole]
        if cut in ends:
            assert problem is None
        else:
            assert problem is not None
            assert problem.damage is Damage.TRUNCATED
            assert problem.offset == ends[whole]


def test_cut_inside_the_header(tmp_path: Path) -> None:
    head = encode_header(HEADER)
    path = tmp_path / "cut.agwcap"
    for cut in range(1, len(head)):
        path.write_bytes(head[:cut])
        assert _problem(path).damage is Damage.TRUNCATED


def test_zeros_left_by_a_power_cut_are_a_cut(tmp_path: Path) -> None:
    chunks = _chunks(3, count=3)
    path = tmp_path / "zeros.agwcap"
    write_capture(path, HEADER, chunks)
    path.write_bytes(path.read_bytes() + bytes(4096))
    read, problem = _read(path)
    assert read == chunks
    assert problem is not None
    assert problem.damage is Damage.TRUNCATED


def test_every_changed_byte_of_a_chunk_is_noticed(tmp_path: Path) -> None:
    chunks = _chunks(4, count=3)
    head = encode_header(HEADER)
    first = len(encode_chunk(chunks[0]))
    content = head + b"".join(encode_chunk(chunk) for chunk in chunks)
    path = tmp_path / "bad.agwcap"
    for place in range(first, first + len(encode_chunk(chunks[1]))):
        damaged = bytearray(content)
        damaged[len(head) + place] ^= 0x40
        path.write_bytes(damaged)
        read, problem = _read(path)
        assert read == chunks[:1]
        assert problem is not None
        assert problem.damage in (Damage.CORRUPT, Damage.TRUNCATED)
        assert problem.offset == len(head) + first


def test_garbage_never_raises(tmp_path: Path) -> None:
    rng = random.Random(5)
    head = encode_header(HEADER)
    path = tmp_path / "garbage.agwcap"
    for _ in range(300):
        path.write_bytes(rng.choice([b"", b"AGWCAP1\n", head[:30], head]) + rng.randbytes(rng.randrange(200)))
        opened = open_capture(path)
        if isinstance(opened, CaptureReader):
            with opened:
                assert list(opened) == []


@pytest.mark.parametrize(
    ("content", "damage"),
    [
        (b"", Damage.NOT_A_CAPTURE),
        (b"RIFF....WAVE", Damage.NOT_A_CAPTURE),
        (b"AGWCAP2\n........", Damage.OTHER_VERSION),
        (b"AGWCAP1\n" + struct.pack("<II", 1 << 30, 0), Damage.BAD_HEADER),
        (b"AGWCAP1\n" + struct.pack("<II", 2, 0) + b"{}", Damage.BAD_HEADER),
    ],
)
def test_what_is_no_capture_says_so(tmp_path: Path, content: bytes, damage: Damage) -> None:
    path = tmp_path / "x.agwcap"
    path.write_bytes(content)
    problem = _problem(path)
    assert problem.damage is damage
    assert str(problem.offset) in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        b"not json",
        b"[]",
        b"\xff\xfe",
        b'{"what": 3}',
        b'{"layout": "1"}',
        b'{"layout": true}',
        b'{"full_scale_db": "120"}',
        b'{"sources": {}}',
        b'{"sources": [1]}',
        b'{"sources": [{"clip": 1}]}',
    ],
)
def test_a_header_of_the_wrong_form_says_so(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.agwcap"
    path.write_bytes(b"AGWCAP1\n" + struct.pack("<II", len(text), crc32c(text)) + text)
    assert _problem(path).damage is Damage.BAD_HEADER


def test_a_newer_header_and_unknown_kinds_are_read_over(tmp_path: Path) -> None:
    text = b'{"what": "new", "weather": {"wind": 3}}'
    known = Chunk(5, b"abc")
    content = b"AGWCAP1\n" + struct.pack("<II", len(text), crc32c(text)) + text
    content += encode_chunk(Chunk(1, b"?"), kind=9) + encode_chunk(known)
    path = tmp_path / "new.agwcap"
    path.write_bytes(content)
    assert _read(path) == ([known], None)


def test_a_missing_file_is_the_system_s_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_capture(tmp_path / "none.agwcap")


def test_a_long_chunk_becomes_several(tmp_path: Path) -> None:
    data = random.Random(6).randbytes(MAX_CHUNK_BYTES + 10)
    path = tmp_path / "long.agwcap"
    write_capture(path, HEADER, [Chunk(7, data)])
    read, problem = _read(path)
    assert [chunk.t_us for chunk in read] == [7, 7]
    assert b"".join(chunk.data for chunk in read) == data
    assert problem is None
    with pytest.raises(ValueError, match="at most"):
        encode_chunk(Chunk(0, data))


def test_time_goes_forward_and_a_closed_writer_is_closed(tmp_path: Path) -> None:
    writer = create_capture(tmp_path / "t.agwcap", HEADER)
    writer.write(10, b"a")
    with pytest.raises(ValueError, match="forward"):
        writer.write(9, b"b")
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(11, b"c")


def test_an_existing_file_is_kept_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "keep.agwcap"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        create_capture(path, HEADER)
    assert path.read_bytes() == b"precious"
    create_capture(path, HEADER, overwrite=True).close()
    assert _read(path) == ([], None)


def test_a_header_too_long_leaves_no_file(tmp_path: Path) -> None:
    header = CaptureHeader(what="x" * 70_000, origin="", licence="", made_by="")
    with pytest.raises(ValueError, match="header"):
        create_capture(tmp_path / "x.agwcap", header)
    assert list(tmp_path.iterdir()) == []


def test_each_chunk_is_in_the_file_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "live.agwcap"
    writer = create_capture(path, HEADER)
    for chunk in _chunks(8, count=5):
        writer.write(chunk.t_us, chunk.data)
        read, problem = _read(path)
        assert read[-1] == chunk
        assert problem is None
        assert path.stat().st_size == writer.size_bytes
    writer.close()


def test_synced_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    synced_at: list[float] = []
    monkeypatch.setattr(os, "fdatasync", lambda _fd: synced_at.append(now_s))
    writer = create_capture(tmp_path / "s.agwcap", HEADER, monotonic=lambda: now_s)
    for hop in range(40):
        now_s = hop * 0.125
        writer.write(int(now_s * 1e6), b"frame")
    writer.close()
    assert synced_at == [1.0, 2.0, 3.0, 4.0, 4.875]


def _write_until_full(path: Path, limit_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    writer = create_capture(path, HEADER)
    for hop in range(1000):
        writer.write(hop * 125_000, b"frame" * 10)


def test_a_full_disk_raises_and_leaves_whole_chunks(tmp_path: Path) -> None:
    path = tmp_path / "full.agwcap"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _write_until_full(path, 4000)
        except OSError:
            status = 42
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    read, problem = _read(path)
    assert problem is None
    assert len(read) > 20
    assert path.stat().st_size <= 4000


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_header_that_cannot_be_put_on_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    def no_space(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="No space"):
        create_capture(tmp_path / "x.agwcap", HEADER, overwrite=overwrite)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_failed_write_can_be_followed_by_one_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.agwcap"
    whole_write = os.pwrite

    def half_of_it(fd: int, data: bytes, offset: int) -> int:
        if len(data) < 60:
            return whole_write(fd, data, offset)
        whole_write(fd, data[:40], offset)
        raise OSError(28, "No space left on device")

    with create_capture(path, HEADER) as writer:
        monkeypatch.setattr(os, "pwrite", half_of_it)
        writer.write(1, b"fits")
        with pytest.raises(OSError, match="No space"):
            writer.write(2, b"x" * 100)
        writer.write(3, b"fits too")
    assert _read(path) == ([Chunk(1, b"fits"), Chunk(3, b"fits too")], None)
