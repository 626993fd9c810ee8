"""The teachers' windows stand beside the right items, and the right sounds are heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsp.layout import HOP_S
from tests.training.synthetic import RATE_HZ, write_data
from training.extract import Piece, extract, gather, pieces_of
from training.manifest import read_manifest
from training.parts import deal
from training.store import Store
from training.teachers import Heard, MismatchError, jobs_of, samples_of, write

SHARES = {"train": 0.7, "tune": 0.3}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Piece], Store]:
    data = write_data(tmp_path_factory.mktemp("data"), sources=4)
    clips = read_manifest(data)
    pieces = pieces_of(data, clips, deal(clips, {}, SHARES), mixtures=12, seed=1)
    return pieces, gather(extract(pieces, workers=1))


def test_every_item_has_a_job_with_its_own_sound(made: tuple[list[Piece], Store]) -> None:
    pieces, store = made
    jobs = jobs_of(store.items, pieces, Path("peers"), 4)
    assert [job.number for job in jobs] == list(range(len(store.items)))
    assert {item.kind for item in store.items} == {"clip", "mixture"}
    for job, item in zip(jobs, store.items, strict=True):
        assert len(samples_of(job.piece)) / RATE_HZ == pytest.approx(item.count * HOP_S, abs=HOP_S)
        assert job.ends[-1] <= item.count < job.ends[-1] + 4


def test_a_piece_without_a_sound_has_no_item_and_is_passed_over(made: tuple[list[Piece], Store]) -> None:
    pieces, store = made
    without = Store(store.frames, store.active, store.items[:3] + store.items[4:])
    jobs = jobs_of(without.items, pieces, Path("peers"), 4)
    assert [job.piece.clip.path for job in jobs] == [item.clip for item in without.items]


def test_other_mixtures_than_the_stores_are_refused(made: tuple[list[Piece], Store]) -> None:
    pieces, store = made
    last = replace(store.items[-1], snr_db=99.0)
    with pytest.raises(MismatchError, match="mixture"):
        jobs_of((*store.items[:-1], last), pieces, Path("peers"), 4)


def test_rows_are_written_in_order(tmp_path: Path) -> None:
    def heard(number: int, rows: int) -> Heard:
        index = np.array([(number, 4 * row + 3) for row in range(rows)], dtype=np.int32)
        parts = (np.full((rows, columns), number, dtype=np.float16) for columns in (384, 527, 521))
        return Heard(index, *parts)

    assert write([heard(5, 2), heard(6, 1)], tmp_path / "clips") == 3
    assert np.load(tmp_path / "clips" / "index.npy").tolist() == [[5, 3], [5, 7], [6, 3]]
    assert np.load(tmp_path / "clips" / "yamnet_scores.npy")[:, 0].tolist() == [5.0, 5.0, 6.0]
