"""The privacy-free student's windows: drawn beside the right moments, mixed, and blind to level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsp.layout import BAND_COUNT
from tests.training.synthetic import write_data
from training.extract import extract, gather, pieces_of
from training.labels import LABELS, POSITIVES
from training.manifest import read_manifest
from training.parts import deal
from training.rivals.mel import PLAIN_CENTRES_HZ
from training.rivals.mel_input import HEADROOM, WINDOW_FRAMES, block_power, cut, mel_input
from training.rivals.mel_sampler import MelSampler, heard_of, mean_power, mel_gains_db
from training.rivals.mel_store import POWER_OF_CODE, MelStore, codes_of
from training.store import Store
from training.teachers import jobs_of, samples_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, MelStore]:
    data = write_data(tmp_path_factory.mktemp("data"), sources=4)
    clips = read_manifest(data)
    pieces = pieces_of(data, clips, deal(clips, {}, {"train": 1.0}), mixtures=12, seed=1)
    store = gather(extract(pieces, workers=1))
    codes = [codes_of(samples_of(job.piece)) for job in jobs_of(store.items, pieces, Path(), 1)]
    return store, MelStore(np.concatenate(codes), np.cumsum([0, *map(len, codes)]))


def _sampler(made: tuple[Store, MelStore]) -> MelSampler:
    store, mel = made
    return MelSampler(store, mel, np.arange(len(store.items)), np.random.default_rng(5))


def test_a_batch_has_windows_targets_and_weights(made: tuple[Store, MelStore]) -> None:
    batch = _sampler(made).batch(32)
    assert batch.inputs.shape == (32, WINDOW_FRAMES, 64)
    assert batch.inputs.dtype == np.float32
    assert np.isfinite(batch.inputs).all()
    assert batch.inputs.min() == 0.0
    assert 0.5 < batch.inputs.max() <= HEADROOM
    assert batch.targets.shape == batch.weights.shape == (32, len(LABELS))
    assert batch.targets[:, : len(POSITIVES)].sum() > 5


def test_a_window_ends_where_its_hop_ends_and_holds_no_other_item(made: tuple[Store, MelStore]) -> None:
    store, mel = made
    number = 3
    item = store.items[number]
    window = _sampler(made)._power(np.array([number]), np.array([item.start + item.count - 1]))[0]
    own = POWER_OF_CODE[mel.codes[mel.first[number] : mel.first[number + 1]]]
    frames = min(round(item.count * 12.5), len(own))
    assert (window[: WINDOW_FRAMES - frames] == 0.0).all()
    gain = window[-frames:].sum(axis=0) / own[:frames].sum(axis=0)
    assert np.allclose(window[-frames:], own[:frames] * gain, rtol=1e-3)


def test_a_louder_copy_gives_the_same_input() -> None:
    power = np.random.default_rng(2).uniform(1e-6, 1e-3, (2, WINDOW_FRAMES, 64)).astype(np.float32)
    assert np.allclose(mel_input(power), mel_input(power * np.float32(100.0)), atol=1e-5)


def test_silence_is_nothing_heard() -> None:
    assert mel_input(np.zeros((1, WINDOW_FRAMES, 64), dtype=np.float32)).max() == 0.0


def test_codes_keep_level_to_half_a_step() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 1000.0 * np.arange(16_000) / 16_000)
    quiet, loud = (POWER_OF_CODE[codes_of(gain * tone)][50].max() for gain in (0.1, 1.0))
    assert 10 * np.log10(loud / quiet) == pytest.approx(20.0, abs=0.51)
    assert codes_of(np.zeros(100)).shape == (2, 64)
    assert codes_of(np.zeros(100)).max() == 0


def test_cut_windows_begin_with_silence() -> None:
    power = np.arange(1, 6, dtype=np.float32)[:, np.newaxis].repeat(64, axis=1)
    windows = cut(power, np.array([2, 5]))
    assert windows[0, -3:, 0].tolist() == [0.0, 1.0, 2.0]
    assert windows[1, -1, 0] == 5.0


def test_mean_power_is_of_what_was_heard() -> None:
    power = np.zeros((1, WINDOW_FRAMES, 64), dtype=np.float32)
    power[:, 156:] = 0.5
    assert mean_power(power)[0] == pytest.approx(block_power(power).max(), rel=1e-5)


def test_gains_and_missing_bands_are_carried_over_by_frequency() -> None:
    flat = mel_gains_db(np.full((1, BAND_COUNT), 3.0, dtype=np.float32))
    assert flat.shape == (1, 64)
    assert np.allclose(flat, 3.0)
    missing = np.zeros((2, BAND_COUNT), dtype=bool)
    missing[1, -4:] = True
    heard = heard_of(missing)
    assert heard[0].all()
    assert (heard[1] == (PLAIN_CENTRES_HZ < 4466.8)).all()
