"""What speaks against a sound: each detector on signals made for it, on its opposite, and through gaps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from gateway.contract.vocabulary import VetoCode
from gateway.decisions.types import HeldBack
from gateway.vetoes.tally import HELD_BACK_BIT, VetoTally, codes_of_bits, veto_bits
from gateway.vetoes.watch import VetoWatch

RATE_HZ = 48_000
Samples = NDArray[np.float64]


def heard(samples: Samples, scores: dict[str, float] | None = None, **options: object) -> list[set[str]]:
    """The codes of each hop."""
    watch = VetoWatch(**options)  # type: ignore[arg-type]
    return [{str(code) for code in watch.hear(row, HOP_S, scores)} for row in frames_of(samples, RATE_HZ)]


def share(codes: list[set[str]], code: VetoCode, after_s: float = 4.0) -> float:
    counted = codes[round(after_s / HOP_S) :]
    return sum(code.value in one for one in counted) / len(counted)


def noise(seed: int, seconds: float, slope: float = 0.0) -> Samples:
    """RMS 0.02; power falls with f^-slope."""
    random = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    frequency_hz = np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 30.0)
    wave = np.fft.irfft(np.fft.rfft(random.standard_normal(count)) * frequency_hz ** (-slope / 2), count)
    return np.asarray(wave * 0.02 / wave.std())


def gusts(seed: int, seconds: float) -> Samples:
    """Low noise that comes and goes within a second or so, as turbulence at a microphone does."""
    wave = noise(seed, seconds, slope=4.0)
    slow = np.random.default_rng(seed + 1).standard_normal(round(seconds * 4) + 2)
    level_db = 6.0 * np.interp(np.arange(wave.size) / RATE_HZ * 4, np.arange(slow.size), slow)
    return wave * 10 ** (level_db / 20)


def test_gusts_are_wind_and_a_steady_rumble_is_not() -> None:
    assert share(heard(gusts(1, 20.0)), VetoCode.WIND) > 0.9
    assert share(heard(noise(2, 20.0, slope=4.0)), VetoCode.WIND) < 0.1
    assert share(heard(noise(3, 20.0)), VetoCode.WIND) == 0.0


def test_a_steady_hiss_is_rain_and_a_rumble_a_tone_or_bursts_are_not() -> None:
    assert share(heard(noise(4, 20.0)), VetoCode.RAIN) > 0.95
    assert share(heard(noise(5, 20.0, slope=4.0)), VetoCode.RAIN) == 0.0
    bursts = noise(6, 20.0) * (np.arange(20 * RATE_HZ) % RATE_HZ < RATE_HZ // 4)
    assert share(heard(bursts), VetoCode.RAIN) == 0.0


def test_the_models_word_on_the_weather_counts_where_there_is_one() -> None:
    murmur = noise(7, 20.0, slope=2.5) * 0.1
    assert share(heard(murmur, {"wind_rain": 0.1}), VetoCode.WIND) == 0.0
    assert share(heard(murmur, {"wind_rain": 0.6}), VetoCode.WIND) == 1.0


def test_a_blow_on_the_mast_is_told_for_a_second() -> None:
    samples = noise(8, 12.0, slope=1.0) * 0.05
    at = 6 * RATE_HZ
    thump = np.exp(-np.arange(RATE_HZ // 4) / 2500.0) * np.sin(
        2 * np.pi * 60 * np.arange(RATE_HZ // 4) / RATE_HZ
    )
    ramp = np.minimum(np.arange(thump.size) / 2000.0, 1.0)
    samples[at : at + thump.size] += 0.5 * thump * ramp
    told = [index * HOP_S for index, codes in enumerate(heard(samples)) if "handling" in codes]
    assert told
    assert 6.0 <= told[0] <= 6.25
    assert told[-1] <= 7.5


def test_a_bang_with_all_of_its_spectrum_is_no_blow() -> None:
    samples = noise(9, 12.0, slope=1.0) * 0.05
    at = 6 * RATE_HZ
    samples[at : at + 4800] += noise(10, 0.1, slope=1.0) * 10 * np.exp(-np.arange(4800) / 1500.0)
    assert not any("handling" in codes for codes in heard(samples))


def test_clipping_is_told_for_a_second() -> None:
    samples = noise(11, 6.0)
    samples[3 * RATE_HZ : 3 * RATE_HZ + 10] = 1.0
    told = [index * HOP_S for index, codes in enumerate(heard(samples)) if "overload" in codes]
    assert told == [3.0 + HOP_S * hop for hop in range(8)]


def test_a_siren_goes_by_the_models_score_or_by_an_unbroken_tone() -> None:
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    tone = 0.1 * signal.sawtooth(2 * np.pi * 700.0 * time_s)
    assert share(heard(tone), VetoCode.SIREN) == 1.0
    assert share(heard(tone, {"siren": 0.1}), VetoCode.SIREN) == 0.0
    assert share(heard(noise(12, 10.0), {"siren": 0.5}), VetoCode.SIREN) == 1.0
    assert share(heard(tone * (time_s % 1.0 < 0.5)), VetoCode.SIREN) == 0.0


def test_a_sound_that_is_at_home_here_counts_only_here() -> None:
    scores = {"bell_phone": 0.8}
    assert share(heard(noise(13, 8.0), scores), VetoCode.KNOWN_SOUND) == 0.0
    assert share(heard(noise(13, 8.0), scores, known_sounds=("bell_phone",)), VetoCode.KNOWN_SOUND) == 1.0
    assert share(heard(noise(13, 8.0), {}, known_sounds=("bell_phone",)), VetoCode.KNOWN_SOUND) == 0.0


def test_what_the_settings_leave_out_is_not_told() -> None:
    assert share(heard(noise(14, 8.0), ignored=("rain",)), VetoCode.RAIN) == 0.0


def test_after_a_gap_nothing_is_said_of_the_surroundings_until_enough_was_heard() -> None:
    watch = VetoWatch()
    rows = frames_of(noise(15, 10.0), RATE_HZ)
    for row in rows:
        watch.hear(row, HOP_S, None)
    assert VetoCode.RAIN in watch.hear(rows[0], HOP_S, None)
    watch.gap()
    after = [VetoCode.RAIN in watch.hear(row, HOP_S, None) for row in rows[:16]]
    assert after == [False] * 11 + [True] * 5


@pytest.mark.parametrize("value", [0, 7, 128, 254, 255])
def test_frames_of_one_code_break_nothing(value: int) -> None:
    row = frames_of(noise(16, 1.0), RATE_HZ)[:1].copy()
    row.view(np.uint8)[:] = value
    watch = VetoWatch()
    for _ in range(40):
        assert set(watch.hear(row[0], HOP_S, None)) <= set(VetoCode)


def test_bits_of_a_second_and_back() -> None:
    for bits in range(1 << len(VetoCode)):
        codes = codes_of_bits(bits)
        assert veto_bits(codes, held_back=False) == bits
        assert veto_bits(codes, held_back=True) == bits | HELD_BACK_BIT
        assert codes_of_bits(bits | HELD_BACK_BIT) == codes


def test_one_event_that_two_vetoes_held_back_counts_under_each_reason_and_once() -> None:
    tally = VetoTally()
    tally.count(
        [HeldBack("scream", ("siren", "wind"), 1.0, 0.7, 70.0), HeldBack("shout", ("siren",), 2.0, 0.7, 70.0)]
    )
    counters = tally.counters()
    assert (counters["held_back"], counters["held_back_siren"], counters["held_back_wind"]) == (2, 2, 1)
    assert set(counters) == {"held_back", *(f"held_back_{code}" for code in VetoCode)}
