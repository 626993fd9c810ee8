"""A waveform to feature frames: the readable reference of what a sensor's firmware computes.

Follow one hop: samples are resampled to 48 kHz, collected to whole hops of 125 ms, weighted (C, then A),
split into five rates, filtered into 24 bands, squared and averaged; the voice scalars come from the 12 kHz
signal. Only whole hops are analysed, and every filter runs sample by sample, so the way the caller cuts the
stream into blocks changes no bit of any frame.
"""

from __future__ import annotations

import numpy as np

from dsp import layout
from dsp.cascade import Cascade, Floats
from dsp.decimation import RatePyramid
from dsp.layout import BAND_UPPER_HZ, FRAME_DTYPE, HOP_SAMPLES, SUBBLOCKS_PER_HOP
from dsp.levels import FLOOR_MEAN_SQUARE, PeakPicker, TimeWeighting, level_of, peak_level_of
from dsp.octave_bank import OctaveBank
from dsp.overload import OverloadWatch
from dsp.resampling import FLAT_PART, Resampler
from dsp.scalars import VoiceAnalyser
from dsp.weighting import a_after_c_sections, c_sections

HOPS_AT_ONCE = 16
"""Hops analysed in one call: enough that numpy's overhead vanishes, few enough for the processor's cache."""
LARGEST_SAMPLE = 1e6


class FrontEnd:
    """Streaming front end of one sensor; `process` blocks of any size, then `flush` once at the end."""

    def __init__(self, source_rate_hz: int = layout.SAMPLE_RATE_HZ) -> None:
        """`source_rate_hz`: 8000..192000, else ValueError. Bands that it cannot carry are marked missing."""
        self._source_rate_hz = source_rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: the next sample is the first of a new stream."""
        self._resampler = Resampler(self._source_rate_hz)
        self._overload = OverloadWatch(self._source_rate_hz)
        self._waiting: list[Floats] = []
        self._waiting_samples = 0
        self._emitted = 0
        self._c_weighting = Cascade(c_sections())
        self._a_after_c = Cascade(a_after_c_sections())
        self._fast = TimeWeighting()
        self._peak = PeakPicker()
        self._pyramid = RatePyramid()
        self._bank = OctaveBank(carried_bands(self._source_rate_hz))
        self._voice = VoiceAnalyser()

    def process(self, samples: np.ndarray) -> np.ndarray:
        """The frames of the hops that these samples complete, shape (hops,) of FRAME_DTYPE.

        `samples`: floats, full scale 1.0, shape (n,), any n. Raises TypeError for integers and ValueError for
        other shapes, NaN, infinity or magnitudes above 1e6; the front end is then unchanged.
        """
        block = _checked(samples)
        self._overload.see(block)
        self._wait(self._resampler.process(block))
        return self._whole_hops()

    def flush(self) -> np.ndarray:
        """End the stream; the front end then starts anew.

        Gives the frame of the last partial hop, averaged over the samples it has, if that is half a hop or
        more, or if there would be no frame at all.
        """
        self._wait(self._resampler.flush())
        frames = self._whole_hops()
        rest = np.concatenate([np.zeros(0), *self._waiting])
        if rest.size * 2 >= HOP_SAMPLES or (rest.size > 0 and self._emitted == 0):
            frames = np.concatenate([frames, self._analyse(rest, 1)])
        self.reset()
        return frames

    def _wait(self, samples: Floats) -> None:
        if samples.size:
            self._waiting.append(samples)
            self._waiting_samples += samples.size

    def _whole_hops(self) -> np.ndarray:
        hops = self._waiting_samples // HOP_SAMPLES
        if hops == 0:
            return np.empty(0, FRAME_DTYPE)
        collected = np.concatenate(self._waiting)
        frames = []
        for first in range(0, hops, HOPS_AT_ONCE):
            count = min(HOPS_AT_ONCE, hops - first)
            start = first * HOP_SAMPLES
            frames.append(self._analyse(collected[start : start + count * HOP_SAMPLES], count))
        rest = collected[hops * HOP_SAMPLES :].copy()
        self._waiting, self._waiting_samples = ([rest] if rest.size else []), rest.size
        return np.concatenate(frames)

    def _analyse(self, samples: Floats, hops: int) -> np.ndarray:
        """The frames of `hops` equal parts of the stream's next samples."""
        c_weighted = self._c_weighting.process(samples)
        a_squared = np.square(self._a_after_c.process(c_weighted))
        pyramid = self._pyramid.process(samples)
        band_squares = self._bank.process(pyramid, hops)
        voice = self._voice.process(pyramid[2], hops)
        mean_square = np.mean(a_squared.reshape(hops, -1), axis=1)
        peak = peak_level_of(self._peak.process(c_weighted, hops))
        overloaded = self._overload.hops_overloaded(self._emitted, hops)
        self._emitted += hops

        frames = np.empty(hops, FRAME_DTYPE)
        frames["laeq_cdb"] = layout.centidecibels(level_of(mean_square))
        fast = np.max(self._fast.process(a_squared).reshape(hops, -1), axis=1)
        frames["lafmax_cdb"] = layout.centidecibels(level_of(fast))
        frames["lcpeak_code"] = np.where(overloaded, layout.LEVEL_CODE_OVERLOAD, layout.level_codes(peak))
        frames["submax_code"] = layout.submax_codes(_loudest_sixteenth_db(a_squared.reshape(hops, -1)))
        frames["roughness_code"] = layout.ratio_codes(voice.roughness)
        frames["harmonicity_code"] = layout.ratio_codes(voice.harmonicity)
        frames["pitch_code"] = layout.pitch_codes(voice.pitch_hz)
        frames["flatness_code"] = layout.flatness_codes(voice.flatness_db)
        frames["bands"] = layout.level_codes(level_of(band_squares))
        return frames


def frames_of(samples: np.ndarray, source_rate_hz: int = layout.SAMPLE_RATE_HZ) -> np.ndarray:
    """All frames of one clip: `process` and `flush` of a fresh front end."""
    front_end = FrontEnd(source_rate_hz)
    return np.concatenate([front_end.process(samples), front_end.flush()])


def carried_bands(source_rate_hz: int) -> np.ndarray:
    """Which of the 24 bands lie wholly in the flat part of the source, shape (24,) of bool."""
    return np.asarray(FLAT_PART / 2.0 * source_rate_hz >= BAND_UPPER_HZ)


def _loudest_sixteenth_db(a_squared: Floats) -> Floats:
    """Level of the loudest sixteenth of a hop above the hop's own, dB >= 0; only whole sixteenths count."""
    part = HOP_SAMPLES // SUBBLOCKS_PER_HOP
    whole = a_squared.shape[1] // part
    mean_square = np.mean(a_squared, axis=1)
    heard = mean_square > FLOOR_MEAN_SQUARE
    if whole == 0:
        return np.zeros(a_squared.shape[0])
    parts = np.mean(a_squared[:, : whole * part].reshape(-1, whole, part), axis=2)
    ratio = np.max(parts, axis=1) / np.where(heard, mean_square, 1.0)
    return np.where(heard, 10.0 * np.log10(np.maximum(ratio, 1.0)), 0.0)


def _checked(samples: np.ndarray) -> Floats:
    block = np.asarray(samples)
    if not np.issubdtype(block.dtype, np.floating):
        raise TypeError(f"samples must be floats with full scale 1.0, not {block.dtype}")
    if block.ndim != 1:
        raise ValueError(f"samples must be one channel, shape (n,), not {block.shape}")
    block = block.astype(np.float64, copy=False)
    if block.size and not (np.min(block) >= -LARGEST_SAMPLE and np.max(block) <= LARGEST_SAMPLE):
        what = "NaN or infinity" if not np.all(np.isfinite(block)) else f"magnitudes above {LARGEST_SAMPLE:g}"
        raise ValueError(f"samples hold {what}; full scale is 1.0")
    return block
