"""Clipped samples and the hops they belong to."""

from __future__ import annotations

import numpy as np

from dsp.overload import CLIPPED_FROM, OverloadWatch


def _flags(samples: np.ndarray, rate_hz: int = 48_000, block: int | None = None) -> list[bool]:
    watch = OverloadWatch(rate_hz)
    for start in range(0, samples.size, block or samples.size):
        watch.see(samples[start : start + (block or samples.size)])
    return watch.hops_overloaded(0, 3).tolist()


def test_one_sample_at_full_scale_may_be_honest() -> None:
    wave = np.zeros(18_000)
    wave[7000] = 1.0
    assert _flags(wave) == [False, False, False]


def test_two_in_a_row_are_clipped_also_across_blocks_and_of_16_bit_audio() -> None:
    wave = np.zeros(18_000)
    wave[7000:7002] = 32_767 / 32_768
    assert CLIPPED_FROM == 32_767 / 32_768
    for block in (None, 1, 7001, 4096):
        assert _flags(wave, block=block) == [False, True, False]


def test_beyond_full_scale_one_sample_is_enough() -> None:
    wave = np.zeros(18_000)
    wave[12_500] = -1.001
    assert _flags(wave) == [False, False, True]


def test_place_is_found_at_other_rates() -> None:
    wave = np.zeros(6000)
    wave[2000:2002] = 1.0  # the first samples of the second hop at 16 kHz
    assert _flags(wave, 16_000) == [False, True, False]


def test_flags_are_given_once() -> None:
    watch = OverloadWatch(48_000)
    watch.see(np.full(10, 2.0))
    assert watch.hops_overloaded(0, 1).tolist() == [True]
    assert watch.hops_overloaded(0, 1).tolist() == [False]


def test_empty_blocks_do_not_forget_the_last_sample() -> None:
    watch = OverloadWatch(48_000)
    for block in (np.array([1.0]), np.zeros(0), np.array([1.0])):
        watch.see(block)
    assert watch.hops_overloaded(0, 1).tolist() == [True]
