"""Waveforms to frames: any blocks, any level, any bad input."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.front_end import FrontEnd, carried_bands, frames_of
from dsp.layout import BAND_COUNT, FRAME_DTYPE, LEVEL_CODE_MISSING, LEVEL_CODE_OVERLOAD
from dsp.weighting import design_goal_db
from tests.dsp import signals
from tests.dsp.chain import frames_in_blocks

SCALARS = ("submax_code", "roughness_code", "harmonicity_code", "pitch_code", "flatness_code")


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        yield


def _busy(seconds: float, rate_hz: int = 48_000) -> np.ndarray:
    wave = signals.white_noise(21, seconds, 0.02, rate_hz) + signals.tone(330.0, seconds, 0.2, rate_hz)
    wave[wave.size // 2 :] *= 0.1
    return wave


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=12))
def test_any_blocks_give_the_same_bits(cuts: list[int]) -> None:
    wave = _busy(0.625)
    front_end = FrontEnd()
    parts = [front_end.process(part) for part in np.split(wave, sorted(cuts))]
    assert np.concatenate([*parts, front_end.flush()]).tobytes() == frames_of(wave).tobytes()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000, 96_000])
def test_random_blocks_of_long_sound_give_the_same_bits(rate_hz: int) -> None:
    wave = _busy(5.3, rate_hz)
    whole = frames_of(wave, rate_hz)
    assert whole.size == 42
    for seed in range(3):
        assert frames_in_blocks(wave, seed, rate_hz).tobytes() == whole.tobytes()


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_one_sample_at_a_time_gives_the_same_bits(rate_hz: int) -> None:
    wave = _busy(0.2, rate_hz)
    front_end = FrontEnd(rate_hz)
    parts = [front_end.process(wave[k : k + 1]) for k in range(wave.size)]
    assert np.concatenate([*parts, front_end.flush()]).tobytes() == frames_of(wave, rate_hz).tobytes()


def test_hop_by_hop_gives_the_same_bits() -> None:
    wave = np.concatenate(list(signals.oracle_signals().values()))
    front_end = FrontEnd()
    parts = [front_end.process(wave[k : k + 6000]) for k in range(0, wave.size, 6000)]
    assert np.concatenate(parts).tobytes() == frames_of(wave).tobytes()


def test_frames_come_as_soon_as_their_hop_is_whole() -> None:
    front_end = FrontEnd()
    assert front_end.process(np.zeros(5_999)).size == 0
    assert front_end.process(np.zeros(1)).size == 1
    assert front_end.process(np.zeros(12_001)).size == 2


@pytest.mark.parametrize("gain_db", [-40.0, -20.0, 20.0])
def test_level_moves_the_levels_and_nothing_else(gain_db: float) -> None:
    wave = 0.1 * np.concatenate([signals.oracle_signals()[n] for n in ("pink noise", "voiced syllables")])
    # A tie in rounding is the only thing that could break the equalities; noise has none.
    quiet, loud = frames_of(wave), frames_of(wave * 10.0 ** (gain_db / 20.0))
    for field in SCALARS:
        assert np.array_equal(quiet[field], loud[field]), field
    assert np.all(np.abs(loud["laeq_cdb"] - quiet["laeq_cdb"].astype(int) - 100 * gain_db) <= 1)
    assert np.all(np.abs(loud["lafmax_cdb"] - quiet["lafmax_cdb"].astype(int) - 100 * gain_db) <= 1)
    steps = round(2 * gain_db)
    assert np.array_equal(loud["lcpeak_code"].astype(int), quiet["lcpeak_code"].astype(int) + steps)
    inside = (quiet["bands"].astype(int) + steps > 0) & (quiet["bands"] > 0)
    moved = loud["bands"].astype(int) - quiet["bands"].astype(int)
    assert np.all(moved[inside] == steps)


def test_full_scale_sine_is_0_db() -> None:
    frame = frames_of(signals.tone(1000.0, 2.0, 1.0))[8]
    assert abs(int(frame["laeq_cdb"])) <= 1
    assert frame["bands"][13] == 248


@pytest.mark.parametrize(
    "name", ["white noise", "pink noise", "steep noise", "voiced syllables", "decaying bang"]
)
def test_laeq_is_that_of_the_formula_of_the_standard(name: str) -> None:
    wave = signals.oracle_signals()[name]
    padded = np.concatenate([wave, np.zeros(48_000)])
    frequency = np.fft.rfftfreq(padded.size, 1.0 / 48_000)
    gain = np.zeros(frequency.size)
    gain[1:] = 10.0 ** (design_goal_db("A", frequency[1:]) / 20.0)
    exact = np.fft.irfft(np.fft.rfft(padded) * gain, padded.size)
    exact_db = 10.0 * np.log10(2.0 * np.sum(exact**2) / wave.size)
    sent_db = 10.0 * np.log10(np.mean(10.0 ** (frames_of(wave)["laeq_cdb"] / 1000.0)))
    assert sent_db == pytest.approx(exact_db, abs=0.1)


def test_silence_reads_the_floor() -> None:
    for samples in (6000, 90_000):
        frames = frames_of(np.zeros(samples))
        assert np.all(frames["laeq_cdb"] == -12_400)
        assert np.all(frames["lafmax_cdb"] == -12_400)
        assert not frames["bands"].any()
        assert not frames["lcpeak_code"].any()
        for field in SCALARS[:-1]:
            assert not frames[field].any()
        assert np.all(frames["flatness_code"] == 255)


def test_silence_after_sound_falls_to_the_floor_and_stays_there() -> None:
    frames = frames_of(np.concatenate([signals.white_noise(1, 0.5), np.zeros(48_000 * 8)]))
    assert np.all(frames["laeq_cdb"][16:] == -12_400)
    assert not frames["bands"][-8:].any()


def test_constant_input_is_not_sound() -> None:
    frames = frames_of(np.full(240_000, 0.5))
    assert np.all(frames["laeq_cdb"][8:] == -12_400)
    assert not frames["bands"][24:].any()
    assert not frames["lcpeak_code"][24:].any()


def test_empty_input_gives_no_frames() -> None:
    assert frames_of(np.zeros(0)).shape == (0,)
    assert frames_of(np.zeros(0)).dtype == FRAME_DTYPE
    assert FrontEnd().process(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.05, 1), (0.1, 1), (0.15, 1), (0.2, 2), (0.125, 1), (0.1875, 2)]
)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_tiny_clips_give_at_least_one_frame(seconds: float, count: int, rate_hz: int) -> None:
    frames = frames_of(signals.tone(1000.0, seconds, 0.5, rate_hz), rate_hz)
    assert frames.size == count
    assert np.all(np.abs(frames["laeq_cdb"] + 602) < 60)


@pytest.mark.parametrize("samples", [1, 2, 3, 11, 12, 15, 16, 47, 48, 374, 375, 2999])
def test_the_shortest_clips_give_one_frame(samples: int) -> None:
    assert frames_of(signals.white_noise(2, 1.0)[:samples]).size == 1


def test_a_short_rest_is_dropped_and_half_a_hop_is_not() -> None:
    assert frames_of(np.zeros(6000 + 2999)).size == 1
    assert frames_of(np.zeros(6000 + 3000)).size == 2


def test_partial_hop_is_averaged_over_what_it_has() -> None:
    frames = frames_of(signals.tone(1000.0, 1.0 + 0.07, 0.5))
    assert abs(int(frames["laeq_cdb"][-1]) + 602) <= 1
    assert frames["bands"][-1][13] == frames["bands"][-2][13]


def test_flush_starts_anew() -> None:
    wave = _busy(0.4)
    front_end = FrontEnd()
    runs = [np.concatenate([front_end.process(wave), front_end.flush()]).tobytes() for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e7])
def test_nan_infinity_and_unscaled_samples_are_refused_and_leave_no_trace(bad: float) -> None:
    wave = _busy(0.5)
    spoiled = wave[6000:9000].copy()
    spoiled[100] = bad
    front_end = FrontEnd()
    first = front_end.process(wave[:9000])
    with pytest.raises(ValueError, match="full scale is 1"):
        front_end.process(spoiled)
    rest = front_end.process(wave[9000:])
    assert np.concatenate([first, rest, front_end.flush()]).tobytes() == frames_of(wave).tobytes()


def test_integers_and_two_channels_are_refused() -> None:
    with pytest.raises(TypeError, match="floats"):
        FrontEnd().process(np.zeros(100, dtype=np.int16))
    with pytest.raises(ValueError, match="one channel"):
        FrontEnd().process(np.zeros((100, 2)))
    with pytest.raises(ValueError, match="outside"):
        FrontEnd(4_000)


def test_float32_and_lists_of_floats_are_taken() -> None:
    wave = _busy(0.25).astype(np.float32)
    assert frames_of(wave).tobytes() == frames_of(wave.astype(np.float64)).tobytes()


@pytest.mark.parametrize(
    ("rate_hz", "carried"),
    [(8_000, 19), (16_000, 22), (22_050, 23), (32_000, 24), (44_100, 24), (48_000, 24)],
)
def test_bands_that_the_source_cannot_carry_are_missing(rate_hz: int, carried: int) -> None:
    assert carried_bands(rate_hz).sum() == carried
    frames = frames_of(signals.white_noise(3, 1.0, 0.1, rate_hz), rate_hz)
    assert np.all(frames["bands"][:, carried:] == LEVEL_CODE_MISSING)
    assert np.all(frames["bands"][1:, :carried] < LEVEL_CODE_OVERLOAD)
    assert carried <= BAND_COUNT


def test_bands_of_a_16_khz_recording_are_those_of_the_48_khz_one() -> None:
    wave = signals.periodic_noise(5, 2.0, 40.0, 7000.0, -3.0)
    full, narrow = frames_of(wave)["bands"][1:, :22], frames_of(wave[::3], 16_000)["bands"][1:, :22]
    assert np.max(np.abs(full.astype(int) - narrow.astype(int))) <= 1


def test_clipping_is_sent_as_overload() -> None:
    wave = np.clip(signals.tone(440.0, 0.5, 1.5), -1.0, 1.0)
    assert np.all(frames_of(wave)["lcpeak_code"] == LEVEL_CODE_OVERLOAD)
    assert np.all(frames_of(wave * 0.8)["lcpeak_code"] < LEVEL_CODE_OVERLOAD)


def test_clipping_of_a_resampled_source_is_seen_and_overshoot_is_not_clipping() -> None:
    square = np.sign(signals.tone(441.0, 0.5, 1.0, 16_000) + 1e-9)
    assert np.all(frames_of(square, 16_000)["lcpeak_code"] == LEVEL_CODE_OVERLOAD)
    assert np.all(frames_of(square * 0.5, 16_000)["lcpeak_code"] < LEVEL_CODE_OVERLOAD)


def test_extreme_levels_stay_inside_the_fields() -> None:
    frames = frames_of(signals.white_noise(6, 0.5, 1e4))
    assert np.all(frames["bands"] == LEVEL_CODE_OVERLOAD)
    assert np.all(frames["laeq_cdb"] > 7000)
    assert np.all(frames_of(signals.white_noise(6, 0.5, 1e-12))["laeq_cdb"] == -12_400)


def test_impulse_shows_in_submax_and_peak() -> None:
    wave = signals.white_noise(8, 1.0, 1e-4)
    wave[24_100:24_110] = 0.5
    frames = frames_of(wave)
    assert frames["submax_code"][4] > 90
    assert frames["lcpeak_code"][4] > frames["lcpeak_code"][2] + 60
    assert np.median(frames["submax_code"]) < 20
