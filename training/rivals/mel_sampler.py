"""Batches for the privacy-free student: drawn, mixed and varied as our own student's, on spectra of 10 ms.

Which items, which moments and which targets is the Sampler's own work; here the windows are spectra. Sums of
powers stand for mixtures as they do there, the random paths are the same curves, and above a random missing
band nothing is heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp.layout import BAND_CENTRES_HZ, BAND_LOWER_HZ, HOP_S
from training import augment
from training.labels import POSITIVES
from training.rivals.mel import PLAIN_CENTRES_HZ, PLAIN_FRAMES_PER_S
from training.rivals.mel_input import BLOCK_FRAMES, WINDOW_FRAMES, block_power, mel_input
from training.rivals.mel_store import POWER_OF_CODE, MelStore
from training.sampler import BED_WEIGHTS, MATCHED_SHARE, NEGATIVE_WEIGHTS, POSITIVE_SHARE, Batch, Sampler
from training.store import Store

Floats = NDArray[np.float32]

WINDOW_HOPS = round(WINDOW_FRAMES / PLAIN_FRAMES_PER_S / HOP_S)
MIXED_SHARE, SNR_RANGE_DB = 0.6, (-3.0, 25.0)


class MelSampler(Sampler):
    """`store` says what the items are, `mel` how they sound."""

    def __init__(
        self,
        store: Store,
        mel: MelStore,
        numbers: NDArray[np.int64],
        rng: np.random.Generator,
        hardness: NDArray[np.float64] | None = None,
    ) -> None:
        """`numbers`: which items of `mel` the items of `store` are."""
        super().__init__(store, WINDOW_HOPS, rng, hardness)
        self._codes = mel.codes
        self._mel_first = mel.first[numbers]
        self._mel_end = mel.first[numbers + 1]

    def batch(self, size: int) -> Batch:
        """As `Sampler.batch`; inputs: (size, WINDOW_FRAMES, 64)."""
        positive = round(size * POSITIVE_SHARE)
        names = self._draw_names(dict.fromkeys(POSITIVES, 1.0), positive)
        matched = round((size - positive) * MATCHED_SHARE)
        names += self._draw_names(NEGATIVE_WEIGHTS, size - positive - matched)
        items = self._draw_items(names)
        items = np.concatenate([items, self._draw_items(self._match(items[:matched]))])
        ends = self._draw_ends(items, np.arange(size) < positive)
        power = self._power(items, ends)
        mixed = self._lay_over(items, power)
        targets, weights = self._targets(items, ends, mixed)
        missing = augment.random_missing(size, self._bands_hz[items], self._rng)
        power *= heard_of(missing)[:, np.newaxis]
        # Not distilled, so nobody asks which bed lies under which window, or how loud.
        no_beds = np.full(size, -1, dtype=np.int64)
        alone = np.full(size, np.inf, dtype=np.float32)
        return Batch(mel_input(power), targets, weights, ends, no_beds, alone)

    def _power(self, items: NDArray[np.int64], ends: NDArray[np.int64]) -> Floats:
        """Windows whose last frame is where the hops `ends` (rows of the store) end, through random paths."""
        stops = np.rint((ends + 1 - self._starts[items]) * HOP_S * PLAIN_FRAMES_PER_S).astype(np.int64)
        stops = np.minimum(self._mel_first[items] + stops, self._mel_end[items])
        rows = stops[:, np.newaxis] + np.arange(-WINDOW_FRAMES, 0)
        heard = rows >= self._mel_first[items][:, np.newaxis]
        power = POWER_OF_CODE[self._codes[np.maximum(rows, 0)]]
        gain_db = mel_gains_db(augment.random_paths(len(items), self._rng))
        power *= (10.0 ** (gain_db / 10.0)).astype(np.float32)[:, np.newaxis]
        power *= heard[..., np.newaxis]
        return power

    def _lay_over(self, items: NDArray[np.int64], power: Floats) -> NDArray[np.bool_]:
        """Add beds to most clips, in place; mixtures have theirs already. Which rows got one."""
        count = len(items)
        is_clip = np.array([self._store.items[n].kind == "clip" for n in items])
        mixed = is_clip & (self._rng.random(count) < MIXED_SHARE)
        rows = np.flatnonzero(mixed)
        bed_items = self._draw_items(self._draw_names(BED_WEIGHTS, len(rows)))
        where = self._rng.random(len(rows)) * self._counts[bed_items]
        beds = self._power(bed_items, self._starts[bed_items] + where.astype(np.int64))
        snr = 10.0 ** (self._rng.uniform(*SNR_RANGE_DB, len(rows)) / 10.0)
        events = power[rows]
        gain = snr * mean_power(beds) / np.maximum(0.5 * block_power(events).max(axis=1), 1e-12)
        power[rows] = events * gain.astype(np.float32)[:, np.newaxis, np.newaxis] + beds
        return mixed


def mean_power(power: Floats) -> Floats:
    """A-weighted mean over what is heard of each window, (n,)."""
    blocks = block_power(power)
    mean: Floats = blocks.sum(axis=1) / np.maximum((blocks > 0.0).sum(axis=1), 1)
    return mean


def mel_gains_db(gains_db: Floats) -> Floats:
    """Gains of third-octave bands (n, BAND_COUNT) as gains of mel bands (n, 64)."""
    octave, places = np.log2(BAND_CENTRES_HZ), np.log2(PLAIN_CENTRES_HZ)
    return np.stack([np.interp(places, octave, one) for one in gains_db]).astype(np.float32)


def heard_of(missing: NDArray[np.bool_]) -> Floats:
    """1 below the lowest missing third-octave band, 0 above: (n, BAND_COUNT) to (n, 64)."""
    cut_hz = np.where(missing, BAND_LOWER_HZ, np.inf).min(axis=1)
    return (cut_hz[:, np.newaxis] > PLAIN_CENTRES_HZ).astype(np.float32)


assert WINDOW_FRAMES % BLOCK_FRAMES == 0
