"""A recipe made into sound: samples as the sensor gives them, and the truth about what is in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from training.activity import LOOSE_DATASETS, STEADY
from training.bench.catalogue import Read
from training.bench.detector import RATE_HZ
from training.bench.loudness import (
    BLOCK,
    Excerpt,
    active_bout,
    block_levels_db,
    cut_event,
    faded,
    laeq_db,
    level_db,
)
from training.bench.places import Response
from training.bench.recipes import STREAM_GAP_S, Placed, Recipe
from training.bench.sensor import FULL_SCALE_DB, gain_to, heard
from training.bench.truth import OPEN_PLACE, Recording, Sound
from training.labels import target_of
from training.manifest import Clip

Samples = NDArray[np.float64]

LONGEST_EVENT_S = 4.0
LONGEST_STEADY_S = 6.0
QUIET_BED_DB = 42.0
_CROSSFADE_S = 0.5
_BELOW_LOUDEST_DB = 16.0
_BELOW_LOUDEST_LOOSE_DB = 10.0


def render(recipe: Recipe, read: Read, responses: Sequence[Response]) -> tuple[NDArray[np.int16], Recording]:
    """Samples at 16 kHz with a full scale of FULL_SCALE_DB, and the truth."""
    rng = np.random.default_rng(recipe.seed)
    if recipe.kind == "clips":
        return _clip(recipe, read)
    if recipe.kind == "streams":
        samples, sounds = _stream(recipe, read)
    else:
        samples, sounds = _mixed(recipe, read, responses)
    recording = Recording(
        name=recipe.name,
        duration_s=len(samples) / RATE_HZ,
        sounds=tuple(sounds),
        beds=tuple(own[0].source_id for own in recipe.beds),
        bed_target=recipe.bed_target,
        bed_db=recipe.bed_db if recipe.beds else None,
        task=recipe.task,
    )
    return heard(samples, rng), recording


def _clip(recipe: Recipe, read: Read) -> tuple[NDArray[np.int16], Recording]:
    clip = recipe.placed[0].clip
    samples = read(clip)
    first, last = active_bout(block_levels_db(samples), _below(clip), gap_s=0.5)
    sound = _sound(clip, first * BLOCK / RATE_HZ, last * BLOCK / RATE_HZ)
    recording = Recording(recipe.name, len(samples) / RATE_HZ, (sound,), task=recipe.task)
    return np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16), recording


def _stream(recipe: Recipe, read: Read) -> tuple[Samples, list[Sound]]:
    rng = np.random.default_rng((recipe.seed, 1))
    pieces, sounds, at = [], [], 0
    gap = round(STREAM_GAP_S * RATE_HZ)
    for placed in recipe.placed:
        piece = faded(read(placed.clip), 0.02)
        piece *= gain_to(cut_event(piece, _BELOW_LOUDEST_DB, LONGEST_STEADY_S).samples, placed.level_db)
        sounds.append(_sound(placed.clip, at / RATE_HZ, (at + len(piece)) / RATE_HZ))
        pieces += [piece, np.zeros(gap)]
        at += len(piece) + gap
    samples = np.concatenate(pieces)
    floor = pink_noise(len(samples), rng)
    return samples + floor * gain_to(floor[: 10 * RATE_HZ], QUIET_BED_DB), sounds


def _mixed(recipe: Recipe, read: Read, responses: Sequence[Response]) -> tuple[Samples, list[Sound]]:
    length = round(recipe.length_s * RATE_HZ)
    rng = np.random.default_rng((recipe.seed, 2))
    bed = np.zeros(length)
    for number, own in enumerate(recipe.beds):
        one = bed_of([read(clip) for clip in own], length, rng)
        bed += one * gain_to(one, recipe.bed_db - number * recipe.bed_second_db)
    bed *= gain_to(bed, recipe.bed_db)
    bed_db = recipe.bed_db - FULL_SCALE_DB
    samples, sounds = bed.copy(), []
    for placed in recipe.placed:
        assert placed.at_s is not None
        response = None if placed.response is None else responses[placed.response]
        piece, onset, end = _at_sensor(placed, read, response)
        start = round(placed.at_s * RATE_HZ) - onset
        piece = piece[: length - start]
        active = slice(start + onset, min(start + end, length))
        if recipe.kind == "rare":
            gain_db = placed.level_db + level_db(bed[active]) - level_db(piece[onset:end])
        else:
            gain_db = placed.level_db + bed_db - laeq_db(piece[onset:end])
        samples[start : start + len(piece)] += piece * 10.0 ** (gain_db / 20.0)
        sounds.append(_sound(placed.clip, placed.at_s, active.stop / RATE_HZ, placed.level_db, response))
    return samples, sounds


def _at_sensor(placed: Placed, read: Read, response: Response | None) -> tuple[Samples, int, int]:
    """The excerpt as it arrives, with onset and end of its active part in samples."""
    excerpt = _excerpt(placed, read)
    if response is None:
        return excerpt.samples, excerpt.onset, excerpt.end
    wet = np.asarray(fftconvolve(excerpt.samples, response.samples))
    return wet, excerpt.onset, excerpt.end


def _excerpt(placed: Placed, read: Read) -> Excerpt:
    samples = read(placed.clip)
    if (target_of(placed.clip) or "") not in STEADY:
        return cut_event(samples, _below(placed.clip), LONGEST_EVENT_S)
    length = min(round(LONGEST_STEADY_S * RATE_HZ), len(samples))
    start = round(placed.where * (len(samples) - length))
    return Excerpt(faded(samples[start : start + length], 0.3), 0, length)


def bed_of(pieces: Sequence[Samples], length: int, rng: np.random.Generator) -> Samples:
    """`length` samples from one source's clips in a random order, over and over, faded into each other."""
    fade = round(_CROSSFADE_S * RATE_HZ)
    out = np.zeros(length + fade)
    up = np.sqrt(np.linspace(0.0, 1.0, fade))
    at, usable = 0, [piece for piece in pieces if len(piece) > 2 * fade]
    if not usable:
        usable = [np.concatenate([*pieces] * (2 * fade // max(sum(map(len, pieces)), 1) + 1))]
    while at < length:
        for n in rng.permutation(len(usable)):
            piece = usable[int(n)].copy()
            piece[:fade] *= up if at else 1.0
            piece[-fade:] *= up[::-1]
            piece = piece[: len(out) - at]
            out[at : at + len(piece)] += piece
            at += max(len(piece) - fade, 1)
            if at >= length:
                break
    return out[:length]


def pink_noise(count: int, rng: np.random.Generator) -> Samples:
    """Noise of equal power in every octave from 30 Hz on."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 30.0)), count))


def _below(clip: Clip) -> float:
    return _BELOW_LOUDEST_LOOSE_DB if clip.dataset in LOOSE_DATASETS else _BELOW_LOUDEST_DB


def _sound(
    clip: Clip,
    onset_s: float,
    end_s: float,
    snr_db: float | None = None,
    response: Response | None = None,
) -> Sound:
    return Sound(
        target=target_of(clip) or "",
        onset_s=onset_s,
        end_s=end_s,
        source=clip.source_id,
        dataset=clip.dataset,
        clip=clip.path,
        label=clip.label,
        snr_db=snr_db,
        place=OPEN_PLACE if response is None else response.place,
        distance_m=None if response is None else response.distance_m,
    )


__all__ = ["FULL_SCALE_DB", "bed_of", "pink_noise", "render"]
