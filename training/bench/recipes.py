"""What the bench's recordings are made of: drawn with a seed, before any sound is read.

Four sets. `clips`: every clip by itself, as it is. `streams`: all clips of each negative target one after
the other. `rare`: in the manner of DCASE 2017 task 2, 30 s with one event or none. `street`: ten minutes of a
street bed with a sound every twelve seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np

from training.bench.catalogue import Catalogue, Dealer
from training.labels import NEGATIVES, OTHER, POSITIVES
from training.manifest import Clip

SETS = ("clips", "rare", "street", "streams")
RARE_RATIOS_DB = (-6.0, 0.0, 6.0)
RARE_S = 30.0
STREET_SNRS_DB = (-5.0, 0.0, 5.0, 10.0, 20.0)
STREET_S = 600.0
EVERY_S = 12.0
STREET_BED_DB = (55.0, 70.0)
EVENT_SHARE = 0.4
STREAM_DB = (60.0, 78.0)
LONGEST_STREAM_S = 600.0
STREAM_GAP_S = 1.0
BED_TARGETS = ("ambience", "vehicle")
QUIET_TARGETS = frozenset({"ambience", "wind_rain"})


@dataclass(frozen=True, slots=True)
class Placed:
    """One clip in a recording. at_s: its onset (in streams None: after the one before). level_db: A-weighted
    SNR over the bed; in `rare` plain event-to-background ratio; in `streams` SPL. response: number, or None.
    where: 0..1, from where a steady sound is cut."""

    clip: Clip
    at_s: float | None
    level_db: float
    response: int | None = None
    where: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recording to be made. beds: clips of each bed source; the second is bed_second_db below the first,
    and together they are at bed_db."""

    name: str
    kind: str
    length_s: float
    placed: tuple[Placed, ...]
    beds: tuple[tuple[Clip, ...], ...] = ()
    bed_target: str = ""
    bed_db: float = 0.0
    bed_second_db: float = 0.0
    task: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of each set: rare mixtures a class and ratio (as many have no event), street recordings."""

    rare: int = 30
    street: int = 24
    clips: bool = True
    streams: bool = True


FULL = Amounts()
QUICK = Amounts(rare=10, street=6, streams=False)


def recipes(
    catalogue: Catalogue, amounts: Amounts, responses: Sequence[int], seed: int
) -> dict[str, list[Recipe]]:
    """The recipes of each set. responses: how many of each place there are, places in a row."""
    made: dict[str, list[Recipe]] = {}
    if amounts.clips:
        made["clips"] = list(_clips(catalogue))
    made["rare"] = list(_rare(catalogue, amounts.rare, np.random.default_rng((seed, 1))))
    made["street"] = list(_street(catalogue, amounts.street, responses, np.random.default_rng((seed, 2))))
    if amounts.streams:
        made["streams"] = list(_streams(catalogue, np.random.default_rng((seed, 3))))
    return made


def digest(own: Sequence[Recipe]) -> str:
    """A name for exactly these recipes."""
    text = "\n".join(repr(asdict(recipe)) for recipe in own)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _clips(catalogue: Catalogue) -> Iterator[Recipe]:
    for target in catalogue.targets:
        for clip in catalogue.clips(target):
            yield Recipe(f"clip {clip.path}", "clips", clip.dur_s, (Placed(clip, 0.0, 0.0),), task=target)


def _rare(catalogue: Catalogue, each: int, rng: np.random.Generator) -> Iterator[Recipe]:
    """For every class, `each` mixtures at each ratio and `each` without an event."""
    beds = [tuple(own) for target in BED_TARGETS for own in catalogue.beds(target)]
    for label in POSITIVES:
        if not catalogue.sources(label):
            continue
        dealer = catalogue.dealer(label, rng)
        for ratio_db in (*RARE_RATIOS_DB, None):
            for number in range(each):
                placed = () if ratio_db is None else (_in_rare(dealer, ratio_db, rng),)
                yield Recipe(
                    name=f"rare {label} {ratio_db} {number}",
                    kind="rare",
                    length_s=RARE_S,
                    placed=placed,
                    beds=(beds[int(rng.integers(len(beds)))],),
                    bed_db=float(rng.uniform(*STREET_BED_DB)),
                    task=label,
                    seed=int(rng.integers(2**31)),
                )


def _in_rare(dealer: Dealer, ratio_db: float, rng: np.random.Generator) -> Placed:
    return Placed(dealer.deal(), float(rng.uniform(1.0, RARE_S - 5.0)), ratio_db)


def _street(
    catalogue: Catalogue, count: int, responses: Sequence[int], rng: np.random.Generator
) -> Iterator[Recipe]:
    dealers = {target: catalogue.dealer(target, rng) for target in catalogue.targets}
    sounds = _street_sounds(dealers, rng)
    for number in range(count):
        beds = [_bed(catalogue, target, rng) for target in BED_TARGETS if catalogue.beds(target)]
        placed = []
        for slot, (clip, snr_db) in enumerate(islice(sounds, int(STREET_S / EVERY_S))):
            at_s = slot * EVERY_S + float(rng.uniform(2.0, 5.0))
            placed.append(Placed(clip, at_s, snr_db, _response(responses, rng), float(rng.random())))
        order = [int(n) for n in rng.permutation(len(beds))]
        yield Recipe(
            name=f"street {number}",
            kind="street",
            length_s=STREET_S,
            placed=tuple(placed),
            beds=tuple(beds[n] for n in order),
            bed_target=BED_TARGETS[order[0]] if len(order) == len(BED_TARGETS) else "ambience",
            bed_db=float(rng.uniform(*STREET_BED_DB)),
            bed_second_db=float(rng.uniform(3.0, 15.0)),
            seed=int(rng.integers(2**31)),
        )


def _street_sounds(dealers: dict[str, Dealer], rng: np.random.Generator) -> Iterator[tuple[Clip, float]]:
    """Clips and their SNR without end: in every fifty each class comes once at each SNR, among negatives."""
    positives = [target for target in POSITIVES if target in dealers]
    negatives = [target for target in (*NEGATIVES, OTHER) if target in dealers and target not in BED_TARGETS]
    while True:
        cells = [(label, snr_db) for label in positives for snr_db in STREET_SNRS_DB]
        hard = round(len(cells) * (1.0 - EVENT_SHARE) / EVENT_SHARE)
        snrs = [STREET_SNRS_DB[n % len(STREET_SNRS_DB)] for n in range(hard)]
        turns = [negatives[int(n) % len(negatives)] for n in rng.permutation(hard * 2)[:hard]]
        cells += list(zip(turns, snrs, strict=True))
        for n in rng.permutation(len(cells)):
            target, snr_db = cells[int(n)]
            yield dealers[target].deal(), snr_db


def _response(responses: Sequence[int], rng: np.random.Generator) -> int | None:
    """A response of a place drawn evenly."""
    places = [place for place, count in enumerate(responses) if count]
    if not places:
        return None
    place = places[int(rng.integers(len(places)))]
    return int(sum(responses[:place]) + rng.integers(responses[place]))


def _bed(catalogue: Catalogue, target: str, rng: np.random.Generator) -> tuple[Clip, ...]:
    beds = catalogue.beds(target)
    return tuple(beds[int(rng.integers(len(beds)))])


def _streams(catalogue: Catalogue, rng: np.random.Generator) -> Iterator[Recipe]:
    for target in (*NEGATIVES, OTHER):
        clips = catalogue.clips(target)
        order = [clips[int(n)] for n in rng.permutation(len(clips))]
        for number, own in enumerate(_pieces(order)):
            spl_db = [float(rng.uniform(*STREAM_DB)) for _ in own]
            if target in QUIET_TARGETS:
                spl_db = [level - 8.0 for level in spl_db]
            placed = tuple(Placed(clip, None, level) for clip, level in zip(own, spl_db, strict=True))
            length_s = sum(clip.dur_s + STREAM_GAP_S for clip in own)
            name, start = f"stream {target} {number}", int(rng.integers(2**31))
            yield Recipe(name, "streams", length_s, placed, task=target, seed=start)


def _pieces(clips: Sequence[Clip]) -> Iterator[list[Clip]]:
    piece: list[Clip] = []
    seconds = 0.0
    for clip in clips:
        piece.append(clip)
        seconds += clip.dur_s + STREAM_GAP_S
        if seconds >= LONGEST_STREAM_S:
            yield piece
            piece, seconds = [], 0.0
    if piece:
        yield piece
