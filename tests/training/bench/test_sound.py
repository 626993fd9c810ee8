"""Air, levels, recipes and rendered sound: what is stated is what is in the samples."""

from pathlib import Path

import numpy as np
import pytest

from dsp.layout import HOP_S
from tests.training.synthetic import write_data
from training.bench.air import absorption_db_per_m
from training.bench.catalogue import Catalogue, reader
from training.bench.detector import RATE_HZ, parse_name
from training.bench.loudness import cut_event, laeq_db, level_db
from training.bench.places import SHAPES, Response, finished
from training.bench.recipes import Amounts, digest, recipes
from training.bench.render import render
from training.bench.sensor import FULL_SCALE_DB, SELF_NOISE_DBA, heard, to_float
from training.manifest import read_manifest


@pytest.mark.parametrize(
    ("hz", "temperature_c", "db_per_km"),
    [(1000.0, 10.0, 3.66), (4000.0, 10.0, 32.8), (1000.0, 20.0, 4.98), (8000.0, 20.0, 76.6)],
)
def test_air_swallows_what_the_standard_says(hz: float, temperature_c: float, db_per_km: float) -> None:
    """ISO 9613-1 table 1, 70 % relative humidity."""
    found = absorption_db_per_m(np.array([hz]), temperature_c, 70.0)[0] * 1000.0
    assert found == pytest.approx(db_per_km, rel=0.02)


def test_levels_are_re_a_full_scale_sine() -> None:
    tone = np.sin(2 * np.pi * 1000.0 * np.arange(RATE_HZ) / RATE_HZ)
    assert level_db(tone) == pytest.approx(0.0, abs=0.01)
    assert laeq_db(tone) == pytest.approx(0.0, abs=0.1)


def test_the_loud_part_of_a_clip_is_found() -> None:
    rng = np.random.default_rng(1)
    clip = 0.001 * rng.standard_normal(4 * RATE_HZ)
    clip[2 * RATE_HZ : 3 * RATE_HZ] += 0.3 * rng.standard_normal(RATE_HZ)
    excerpt = cut_event(clip, 16.0, longest_s=4.0)
    assert (excerpt.end - excerpt.onset) / RATE_HZ == pytest.approx(1.0, abs=0.05)
    assert len(excerpt.samples) < 1.4 * RATE_HZ


def test_a_silent_place_is_as_loud_as_the_sensor_itself() -> None:
    samples = to_float(heard(np.zeros(RATE_HZ * 2), np.random.default_rng(2)))
    assert laeq_db(samples.astype(np.float64)) + FULL_SCALE_DB == pytest.approx(SELF_NOISE_DBA, abs=1.0)


def test_a_place_begins_with_its_direct_sound_and_ends_in_a_tail() -> None:
    direct = np.zeros(4000)
    direct[[0, 900, 1500, 2300]] = (1.0, 0.4, 0.3, 0.2)
    response = finished(direct, SHAPES["station hall"], 20.0, np.random.default_rng(3))
    assert np.sum(response**2) == pytest.approx(1.0)
    assert int(np.argmax(np.abs(response))) < 20
    assert np.sum(response[RATE_HZ:] ** 2) > 0.0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def made(data: Path) -> Catalogue:
    clips = read_manifest(data)
    return Catalogue([*clips, *_long_beds(clips)])


def _long_beds(clips: list) -> list:
    """The synthetic ambience is short; three of a source make a bed."""
    return [clip for clip in clips if clip.label == "ambience"] * 2


def test_recipes_come_from_the_seed(data: Path) -> None:
    amounts = Amounts(rare=2, street=1)
    first, again = (recipes(made(data), amounts, [2, 3], 7) for _ in range(2))
    other = recipes(made(data), amounts, [2, 3], 8)
    assert {name: digest(own) for name, own in first.items()} == {n: digest(own) for n, own in again.items()}
    assert digest(first["street"]) != digest(other["street"])
    assert sum(recipe.placed == () for recipe in first["rare"]) == len(first["rare"]) // 4


def test_an_event_in_the_street_has_its_stated_ratio(data: Path) -> None:
    """Its A-weighted level over its active part against that of the bed alone."""
    recipe = recipes(made(data), Amounts(rare=1, street=1), [1], 7)["street"][0]
    dry = Response("dry", 3.0, np.array([1.0]))
    samples, truth = render(recipe, reader(data), [dry])
    assert truth.bed_db is not None
    loud = [s for s in truth.sounds if s.snr_db == 20.0 and s.target in ("shout", "scream")]
    for sound in loud:
        during = samples[round(sound.onset_s * RATE_HZ) : round(sound.end_s * RATE_HZ)]
        level = laeq_db(to_float(during).astype(np.float64)) + FULL_SCALE_DB
        assert level == pytest.approx(truth.bed_db + 20.0, abs=1.5)
    assert loud


def test_rare_mixtures_hold_one_event_of_their_class_or_none(data: Path) -> None:
    own = recipes(made(data), Amounts(rare=1, street=1), [], 7)["rare"]
    for recipe in own:
        samples, truth = render(recipe, reader(data), [])
        assert len(samples) == 30 * RATE_HZ
        assert [sound.target for sound in truth.sounds] == [recipe.task] * len(recipe.placed)
        for sound in truth.sounds:
            assert sound.onset_s < sound.end_s <= 30.0


def test_streams_hold_every_negative_clip_once(data: Path) -> None:
    catalogue = made(data)
    own = recipes(catalogue, Amounts(rare=1, street=1), [], 7)["streams"]
    speech = next(recipe for recipe in own if recipe.task == "speech")
    _, truth = render(speech, reader(data), [])
    assert sorted(s.clip for s in truth.sounds) == sorted(c.path for c in catalogue.clips("speech"))
    assert all(a.end_s <= b.onset_s for a, b in zip(truth.sounds, truth.sounds[1:], strict=False))
    assert truth.sounds[0].end_s > HOP_S


def test_a_detector_is_named_by_module_and_argument() -> None:
    named = parse_name("ours=training.bench.ours:config/models/ear")
    assert (named.name, named.module) == ("ours", "training.bench.ours")
    assert named.argument == "config/models/ear"
    with pytest.raises(ValueError, match="NAME=MODULE"):
        parse_name("yamnet")
