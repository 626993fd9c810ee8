"""From a manifest to batches, end to end on made sounds, and the feature arithmetic of augmentation."""

from pathlib import Path

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import FRAME_DTYPE, LEVEL_CODE_MISSING
from dsp.model_input import CHANNELS
from tests.training.synthetic import RATE_HZ, write_data
from training import augment, store
from training.activity import active_hops
from training.audio import read_clip
from training.extract import extract, gather, pieces_of
from training.labels import LABELS, POSITIVES
from training.manifest import audio_path, read_manifest
from training.mixtures import LENGTH_S, a_level_db, plan, render
from training.parts import deal
from training.sampler import Sampler
from training.store import Store

SHARES = {"train": 0.7, "tune": 0.3}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store]:
    data = write_data(tmp_path_factory.mktemp("data"), sources=8)
    clips = read_manifest(data)
    pieces = pieces_of(data, clips, deal(clips, {}, SHARES), mixtures=60, seed=1)
    return data, gather(extract(pieces, workers=1))


def test_every_clip_becomes_an_item_and_items_tile_the_frames(made: tuple[Path, Store]) -> None:
    data, features = made
    clips = [item for item in features.items if item.kind == "clip"]
    assert len(clips) == len(read_manifest(data))
    ends = [item.start + item.count for item in features.items]
    assert [item.start for item in features.items] == [0, *ends[:-1]]
    assert ends[-1] == len(features.frames) == len(features.active)


def test_a_clip_of_a_fifth_of_a_second_has_a_frame() -> None:
    assert len(frames_of(np.full(int(0.2 * RATE_HZ), 0.1), RATE_HZ)) >= 1


def test_mixtures_never_cross_parts_or_folds(made: tuple[Path, Store]) -> None:
    place = {item.sources[0]: (item.part, item.fold) for item in made[1].items if item.kind == "clip"}
    mixtures = [item for item in made[1].items if item.kind == "mixture"]
    assert len(mixtures) > 20
    for item in mixtures:
        assert {place[source] for source in item.sources} == {(item.part, item.fold)}


def test_the_event_of_a_mixture_is_active_where_it_was_put(made: tuple[Path, Store]) -> None:
    for item in made[1].items:
        if item.kind == "mixture":
            active = made[1].active[item.start : item.start + item.count]
            assert 0 < active.sum() < len(active)


def test_a_store_reads_back_as_it_was_written(made: tuple[Path, Store], tmp_path: Path) -> None:
    store.save(made[1], tmp_path)
    again = store.load(tmp_path)
    assert again.items == made[1].items
    assert np.array_equal(again.frames, made[1].frames)
    assert np.array_equal(again.active, made[1].active)
    twice = store.join([again, again])
    assert twice.items[len(again.items)].start == len(again.frames)


def test_batches_are_whole_and_bounded(made: tuple[Path, Store]) -> None:
    sampler = Sampler(made[1], 20, np.random.default_rng(2))
    for _ in range(3):
        batch = sampler.batch(128)
        assert batch.inputs.shape == (128, 20, CHANNELS)
        assert np.isfinite(batch.inputs).all()
        assert batch.targets.shape == batch.weights.shape == (128, len(LABELS))
        assert set(np.unique(batch.targets)) <= {0.0, 1.0}
        positive = batch.targets[:, : len(POSITIVES)].max(axis=1)
        assert 0.2 < positive.mean() < 0.6


def test_the_same_seed_draws_the_same_batch(made: tuple[Path, Store]) -> None:
    first, second = (Sampler(made[1], 20, np.random.default_rng(4)).batch(32) for _ in range(2))
    assert np.array_equal(first.inputs, second.inputs)


def test_a_mixture_has_the_stated_ratio_of_levels(made: tuple[Path, Store]) -> None:
    clips = read_manifest(made[0])
    recipes = [m for m in plan(clips, 40, 0, np.random.default_rng(3)) if m.event.label == "scream"]
    recipe = next(m for m in recipes if m.snr_db > 5.0)
    samples, onset_s, end_s = render(recipe, lambda clip: read_clip(audio_path(made[0], clip)), [])
    assert len(samples) == int(LENGTH_S * RATE_HZ)
    before = a_level_db(samples[: int(onset_s * RATE_HZ)])
    during = a_level_db(samples[int(onset_s * RATE_HZ) : int(end_s * RATE_HZ)])
    ratio_db = 10.0 * np.log10(10.0 ** ((during - before) / 10.0) - 1.0)
    assert ratio_db == pytest.approx(recipe.snr_db, abs=1.5)


def _decoded(samples: np.ndarray) -> augment.Windows:
    frames = frames_of(samples, RATE_HZ)[np.newaxis]
    return augment.decode(frames, np.ones(frames.shape, dtype=bool))


def test_decoding_and_encoding_give_the_same_codes(made: tuple[Path, Store]) -> None:
    frames = made[1].frames[:200].reshape(10, 20)
    again = augment.encode(augment.decode(frames, np.ones((10, 20), dtype=bool)))
    for name in FRAME_DTYPE.names:
        assert np.array_equal(again[name], frames[name]), name


def test_adding_features_is_near_to_adding_sounds() -> None:
    rng = np.random.default_rng(8)
    first, second = rng.normal(0.0, 0.05, 2 * RATE_HZ), rng.normal(0.0, 0.05, 2 * RATE_HZ)
    summed = augment.add(_decoded(first), _decoded(second), np.zeros(1, dtype=np.float32))
    real = _decoded(first + second)
    assert summed.laeq_db == pytest.approx(real.laeq_db, abs=0.5)
    assert np.abs(summed.bands_db - real.bands_db)[..., 10:22].mean() < 1.0


def test_a_far_quieter_bed_changes_nothing() -> None:
    rng = np.random.default_rng(9)
    loud, quiet = _decoded(rng.normal(0.0, 0.1, RATE_HZ)), _decoded(rng.normal(0.0, 1e-5, RATE_HZ))
    summed = augment.add(loud, quiet, np.zeros(1, dtype=np.float32))
    for name in ("laeq_db", "lafmax_db", "submax_db", "roughness", "flatness"):
        assert getattr(summed, name) == pytest.approx(getattr(loud, name), abs=0.1), name


def test_a_flat_equaliser_moves_every_level_alike() -> None:
    sound = _decoded(np.random.default_rng(10).normal(0.0, 0.05, RATE_HZ))
    moved = augment.equalise(sound, np.full((1, 24), -6.0, dtype=np.float32))
    for name in ("laeq_db", "lafmax_db", "lcpeak_db"):
        assert getattr(moved, name) == pytest.approx(getattr(sound, name) - 6.0, abs=0.05), name


def test_bands_that_a_source_cannot_carry_are_missing() -> None:
    sound = _decoded(np.random.default_rng(10).normal(0.0, 0.05, RATE_HZ))
    codes = augment.encode(sound)["bands"]
    assert (codes[..., 22:] == LEVEL_CODE_MISSING).all()
    assert (codes[..., :22] != LEVEL_CODE_MISSING).all()


def test_losses_always_keep_the_newest_hop() -> None:
    valid = np.ones((500, 20), dtype=bool)
    kept = augment.random_losses(valid, np.random.default_rng(1))
    assert kept[:, -1].all()
    assert 0.6 < kept.mean() < 0.99
    assert (kept.sum(axis=1) <= 3).any()


def test_silence_inside_a_clip_is_not_the_event() -> None:
    laeq_db = np.array([-80.0, -30.0, -25.0, -60.0, -28.0])
    assert active_hops(laeq_db, "shout", "x").tolist() == [False, True, True, False, True]
    assert active_hops(laeq_db, "ambience", "x").all()
    assert active_hops(laeq_db[:0], "shout", "x").shape == (0,)
