"""Waveform mixtures: an event placed in a bed at a stated signal-to-noise ratio, through a random path.

SNR = A-weighted level of the event's loud part minus A-weighted level of the bed, at the sensor. A mixture is
a recipe (`Mixture`) drawn with a seed; `render` makes the samples from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from training.audio import CLIP_RATE_HZ
from training.labels import OTHER, POSITIVES, target_of
from training.manifest import Clip

Samples = NDArray[np.float64]

LENGTH_S = 6.0
LONGEST_EVENT_S = 3.0
SNR_RANGE_DB = (-5.0, 20.0)
BED_TARGETS = ("ambience", "vehicle", "wind_rain", "ambience", "music", "speech", "cheer_crowd")
EVENT_WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys(POSITIVES, 0.16),
    "laughter": 0.05,
    "children": 0.04,
    "speech": 0.05,
    "cheer_crowd": 0.04,
    "dog_bark": 0.04,
    "impact": 0.04,
    "baby_cry": 0.02,
    "horn": 0.02,
    "bird": 0.02,
    "fireworks_thunder": 0.02,
    "cough": 0.02,
    OTHER: 0.05,
}


@dataclass(frozen=True, slots=True)
class Mixture:
    """A recipe. `nodes_db` is a random equaliser on the event, octave nodes from 62.5 Hz to 8 kHz."""

    event: Clip
    bed: Clip
    snr_db: float
    onset_s: float
    bed_start: float
    nodes_db: tuple[float, ...]
    low_pass_hz: float
    response: int | None


def plan(clips: Sequence[Clip], count: int, responses: int, rng: np.random.Generator) -> list[Mixture]:
    """Draw `count` recipes from clips that may be mixed with each other; sources are drawn evenly."""
    by_target: dict[str, dict[str, list[Clip]]] = {}
    for clip in clips:
        if (target := target_of(clip)) is not None:
            by_target.setdefault(target, {}).setdefault(clip.source_id, []).append(clip)
    names = [name for name in EVENT_WEIGHTS if name in by_target]
    beds = [name for name in BED_TARGETS if name in by_target]
    if not names or not beds:
        return []
    weights = np.array([EVENT_WEIGHTS[name] for name in names])
    return [
        Mixture(
            event=_draw(by_target[str(rng.choice(names, p=weights / weights.sum()))], rng),
            bed=_draw(by_target[str(rng.choice(beds))], rng),
            snr_db=float(rng.uniform(*SNR_RANGE_DB)),
            onset_s=float(rng.uniform(0.5, 3.0)),
            bed_start=float(rng.random()),
            nodes_db=tuple(float(node) for node in rng.normal(0.0, 1.5, 8)),
            low_pass_hz=float(rng.uniform(2500.0, 8000.0)) if rng.random() < 0.12 else 8000.0,
            response=int(rng.integers(responses)) if responses and rng.random() < 0.4 else None,
        )
        for _ in range(count)
    ]


def render(
    mixture: Mixture, read: Callable[[Clip], Samples], responses: Sequence[Samples]
) -> tuple[Samples, float, float]:
    """Samples of a mixture at 16 kHz, and where its event begins and ends, s."""
    bed = _cut(read(mixture.bed), mixture.bed_start)
    event = loud_part(read(mixture.event))
    event = _equalised(event, mixture.nodes_db, mixture.low_pass_hz)
    dry_length = len(event)
    if mixture.response is not None:
        event = fftconvolve(event, responses[mixture.response])
    start = int(mixture.onset_s * CLIP_RATE_HZ)
    event = event[: len(bed) - start]
    gain_db = mixture.snr_db + a_level_db(bed) - a_level_db(event[:dry_length])
    mixed = bed.copy()
    mixed[start : start + len(event)] += event * 10.0 ** (gain_db / 20.0)
    mixed *= 0.5 / max(0.5, float(np.max(np.abs(mixed))))
    end_s = min(mixture.onset_s + dry_length / CLIP_RATE_HZ, LENGTH_S)
    return mixed, mixture.onset_s, end_s


def loud_part(samples: Samples, longest_s: float = LONGEST_EVENT_S) -> Samples:
    """The stretch of at most `longest_s` from just before the first loud 20 ms block on."""
    block = CLIP_RATE_HZ // 50
    count = max(len(samples) // block, 1)
    if len(samples) < block:
        return samples
    power = np.mean(samples[: count * block].reshape(count, block) ** 2, axis=1)
    first = int(np.argmax(power >= power.max() * 10.0**-2.0))
    begin = max(first - 1, 0) * block
    return samples[begin : begin + int(longest_s * CLIP_RATE_HZ)]


def a_level_db(samples: Samples) -> float:
    """A-weighted level of a whole stretch in the frequency domain, dB re full scale squared; never -inf."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    weight = _a_weight(np.fft.rfftfreq(len(samples), 1.0 / CLIP_RATE_HZ))
    power = 2.0 * float(np.sum(spectrum * weight)) / max(len(samples), 1) ** 2
    return 10.0 * np.log10(max(power, 1e-14))


def _a_weight(hz: Samples) -> Samples:
    """Power gain of A weighting from its poles (IEC 61672-1 annex E), 1 at 1 kHz."""
    squared = hz**2
    gain = 12194.0**2 * squared**2
    gain = gain / ((squared + 20.6**2) * (squared + 12194.0**2))
    gain = gain / np.sqrt((squared + 107.7**2) * (squared + 737.9**2))
    weighted: Samples = (gain * 10.0 ** (2.0 / 20.0)) ** 2
    return weighted


def _equalised(samples: Samples, nodes_db: Sequence[float], low_pass_hz: float) -> Samples:
    hz = np.maximum(np.fft.rfftfreq(len(samples), 1.0 / CLIP_RATE_HZ), 1.0)
    octave = np.log2(hz / 62.5)
    gain_db = np.interp(octave, np.arange(len(nodes_db)), nodes_db)
    gain_db -= 24.0 * np.maximum(np.log2(hz / low_pass_hz), 0.0)
    return np.fft.irfft(np.fft.rfft(samples) * 10.0 ** (gain_db / 20.0), len(samples))


def _cut(samples: Samples, where: float) -> Samples:
    """LENGTH_S of a bed from a place 0..1 on, repeated when it is too short."""
    length = int(LENGTH_S * CLIP_RATE_HZ)
    if len(samples) < length:
        samples = np.tile(samples, length // max(len(samples), 1) + 1)
    start = int(where * (len(samples) - length))
    return samples[start : start + length].copy()


def _draw(by_source: Mapping[str, Sequence[Clip]], rng: np.random.Generator) -> Clip:
    sources = sorted(by_source)
    clips = by_source[sources[int(rng.integers(len(sources)))]]
    return clips[int(rng.integers(len(clips)))]
