"""Training batches: windows drawn evenly over classes, data sets and sources, with targets and weights.

A window's target asks whether the sound is there in its last half second (RECENT_HOPS). A window whose sound
ended longer ago, or that lies in a quiet moment of its clip, asks nothing about that sound (weight 0).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsp.model_input import model_input
from training import augment
from training.labels import LABELS, NEGATIVES, OTHER, POSITIVES
from training.store import Item, Store

RECENT_HOPS = 4
POSITIVE_SHARE = 0.42
MATCHED_SHARE = 0.4
NAMED_NEGATIVE_WEIGHT = 0.15
VOICES = ("shout", "scream")
#: Third-octaves by which a sound is now and then moved up or down: other throats, other panes, other guns.
TRANSPOSITIONS = np.array([0, 0, 0, 0, 1, -1])
#: Data sets of single voices, whose cheers are no crowds; what they are not is asked with this weight.
LONE_VOICES = frozenset({"emogator"})
LONE_CHEER_WEIGHT = 0.15

#: How often each kind of negative is drawn: voices of all kinds and impulses are easily mistaken for events.
NEGATIVE_WEIGHTS: Mapping[str, float] = {
    "speech": 0.12,
    "laughter": 0.10,
    "cheer_crowd": 0.11,
    "children": 0.08,
    "singing": 0.04,
    "music": 0.07,
    "baby_cry": 0.05,
    "cough": 0.04,
    "dog_bark": 0.05,
    "bird": 0.03,
    "siren": 0.03,
    "horn": 0.03,
    "vehicle": 0.04,
    "construction": 0.05,
    "impact": 0.05,
    "fireworks_thunder": 0.05,
    "bell_phone": 0.03,
    "wind_rain": 0.04,
    "ambience": 0.08,
    OTHER: 0.14,
}
BED_WEIGHTS: Mapping[str, float] = {
    "ambience": 0.4,
    "vehicle": 0.15,
    "wind_rain": 0.15,
    "music": 0.1,
    "speech": 0.1,
    "cheer_crowd": 0.1,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """inputs: (n, hops, CHANNELS); targets, weights: (n, len(LABELS)).

    ends: (n,) frame of the store in which each window ends; bed_ends: that of the bed laid under it, -1
    without one; snr_db: (n,) level above that bed, infinite without one.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]
    ends: NDArray[np.int64]
    bed_ends: NDArray[np.int64]
    snr_db: NDArray[np.float32]


class Sampler:
    """Draws batches from the items of a store. `hardness` (per item) makes hard negatives come more often."""

    def __init__(
        self, store: Store, hops: int, rng: np.random.Generator, hardness: NDArray[np.float64] | None = None
    ) -> None:
        self._store = store
        self._hops = hops
        self._rng = rng
        self._starts = np.array([item.start for item in store.items])
        self._counts = np.array([item.count for item in store.items])
        self._bands_hz = np.array([item.band_hz for item in store.items], dtype=np.float32)
        self._pools = self._make_pools(hardness)
        self._recent = recently(store.active, self._starts, RECENT_HOPS)

    def batch(self, size: int) -> Batch:
        """One batch: positives and negatives, about half of them laid over another sound.

        A part of the negatives comes from the data sets of the batch's positives, so that a recorder's or a
        studio's own sound is no sign of an event.
        """
        positive = round(size * POSITIVE_SHARE)
        names = self._draw_names(dict.fromkeys(POSITIVES, 1.0), positive)
        matched = round((size - positive) * MATCHED_SHARE)
        names += self._draw_names(NEGATIVE_WEIGHTS, size - positive - matched)
        items = self._draw_items(names)
        items = np.concatenate([items, self._draw_items(self._match(items[:matched]))])
        ends = self._draw_ends(items, np.arange(size) < positive)
        windows = augment.decode(*self._cut(items, ends))
        windows = augment.equalise(windows, augment.random_paths(size, self._rng))
        windows = augment.transpose(windows, self._rng.choice(TRANSPOSITIONS, size))
        mixed, windows, bed_ends, snr_db = self._lay_over_beds(items, windows)
        windows = self._over_floors(windows)
        targets, weights = self._targets(items, ends, mixed)
        missing = windows.missing | augment.random_missing(size, self._bands_hz[items], self._rng)
        valid = augment.random_losses(windows.valid, self._rng)
        frames = augment.encode(augment.replace(windows, missing=missing))
        return Batch(model_input(frames, valid), targets, weights, ends, bed_ends, snr_db)

    def _make_pools(
        self, hardness: NDArray[np.float64] | None
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """By pool: item numbers and their cumulative chances.

        A data set comes as often as the square root of its hops says, and within it a source likewise: many
        recordings count more than long ones, and no single set makes up a class.
        """
        of_source: Counter[tuple[str, str, str]] = Counter()
        members: dict[str, list[int]] = defaultdict(list)
        for number, item in enumerate(self._store.items):
            of_source[item.target, item.dataset, item.sources[0]] += item.count
            members[item.target].append(number)
            if item.target not in POSITIVES:
                members[_negatives_of(item.dataset)].append(number)
        of_dataset: Counter[tuple[str, str]] = Counter()
        roots: dict[tuple[str, str], float] = defaultdict(float)
        for (target, dataset, _source), hops in of_source.items():
            of_dataset[target, dataset] += hops
            roots[target, dataset] += np.sqrt(hops)
        chances = np.array(
            [
                item.count
                / np.sqrt(of_source[item.target, item.dataset, item.sources[0]])
                / roots[item.target, item.dataset]
                * np.sqrt(of_dataset[item.target, item.dataset])
                for item in self._store.items
            ]
        )
        if hardness is not None:
            chances = chances * hardness
        pools = {}
        for pool, numbers in members.items():
            chance = chances[numbers]
            pools[pool] = (np.array(numbers), np.cumsum(chance) / chance.sum())
        return pools

    def _draw_names(self, weights: Mapping[str, float], count: int) -> list[str]:
        present = [name for name in weights if name in self._pools]
        chance = np.array([weights[name] for name in present])
        return [present[n] for n in self._rng.choice(len(present), count, p=chance / chance.sum())]

    def _match(self, positives: NDArray[np.int64]) -> list[str]:
        """For each positive, the pool of negatives of its own data set, or any negative if there is none."""
        pools = [_negatives_of(self._store.items[n].dataset) for n in positives]
        spare = self._draw_names(NEGATIVE_WEIGHTS, len(pools))
        return [pool if pool in self._pools else name for pool, name in zip(pools, spare, strict=True)]

    def _draw_items(self, names: list[str]) -> NDArray[np.int64]:
        draws = self._rng.random(len(names))
        items = np.zeros(len(names), dtype=np.int64)
        of = np.array(names)
        for name in set(names):
            numbers, cumulative = self._pools[name]
            rows = of == name
            places = np.searchsorted(cumulative, draws[rows], side="right")
            items[rows] = numbers[np.minimum(places, len(numbers) - 1)]
        return items

    def _draw_ends(self, items: NDArray[np.int64], want_active: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The newest hop of each window; for positives mostly one where the event is on."""
        ends = self._starts[items] + (self._rng.random(len(items)) * self._counts[items]).astype(np.int64)
        keep_trying = want_active & (self._rng.random(len(items)) < 0.9)
        for _ in range(6):
            again = keep_trying & ~self._recent[ends]
            drawn = self._rng.random(len(items)) * self._counts[items]
            ends = np.where(again, self._starts[items] + drawn.astype(np.int64), ends)
        return ends

    def _cut(
        self, items: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        rows = ends[:, np.newaxis] + np.arange(1 - self._hops, 1)
        valid = rows >= self._starts[items][:, np.newaxis]
        return self._store.frames[np.maximum(rows, 0)], valid

    def _lay_over_beds(
        self, items: NDArray[np.int64], windows: augment.Windows
    ) -> tuple[NDArray[np.bool_], augment.Windows, NDArray[np.int64], NDArray[np.float32]]:
        """Half of the clips get a bed; mixtures have theirs already."""
        count = len(items)
        is_clip = np.array([self._store.items[n].kind == "clip" for n in items])
        mixed = is_clip & (self._rng.random(count) < 0.6)
        bed_items = self._draw_items(self._draw_names(BED_WEIGHTS, count))
        where = np.maximum(self._rng.random(count), 0.0)
        bed_ends = self._starts[bed_items] + (where * self._counts[bed_items]).astype(np.int64)
        beds = augment.decode(*self._cut(bed_items, bed_ends))
        beds = augment.equalise(beds, augment.random_paths(count, self._rng))
        snr_db = self._rng.uniform(-3.0, 25.0, count).astype(np.float32)
        gain_db = snr_db + _mean_level_db(beds) - _loud_level_db(windows)
        together = augment.add(windows, beds, gain_db)
        bed_ends = np.where(mixed, bed_ends, -1)
        snr_db = np.where(mixed, snr_db, np.float32(np.inf))
        return mixed, _choose(mixed, together, windows), bed_ends, snr_db

    def _over_floors(self, windows: augment.Windows) -> augment.Windows:
        """A third of the windows with a noise floor 20 to 50 dB down, from pink to white and beyond."""
        count = len(windows.laeq_db)
        below_db = self._rng.uniform(20.0, 50.0, count).astype(np.float32)
        tilt_db = self._rng.uniform(-3.0, 4.0, count).astype(np.float32)
        return _choose(self._rng.random(count) < 0.35, augment.add_floor(windows, below_db, tilt_db), windows)

    def _targets(
        self, items: NDArray[np.int64], ends: NDArray[np.int64], mixed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count = len(items)
        targets = np.zeros((count, len(LABELS)), dtype=np.float32)
        weights = np.ones((count, len(LABELS)), dtype=np.float32)
        weights[:, len(POSITIVES) :] = NAMED_NEGATIVE_WEIGHT
        for row, number in enumerate(items):
            item = self._store.items[number]
            recent = bool(self._recent[ends[row]])
            if item.bed_target or mixed[row]:
                weights[row, len(POSITIVES) :] = 0.0
            if item.target in LABELS:
                column = LABELS.index(item.target)
                targets[row, column] = float(recent)
                weight = 1.0 if item.target in POSITIVES else NAMED_NEGATIVE_WEIGHT
                weights[row, column] = weight * recent
            if item.kind == "mixture" and not recent and item.target in POSITIVES and self._silent(ends[row]):
                weights[row, LABELS.index(item.target)] = 1.0
            if item.target in VOICES:
                other = VOICES[1 - VOICES.index(item.target)]
                weights[row, LABELS.index(other)] = 0.15
            if is_lone_cheer(item):
                weights[row, [LABELS.index(voice) for voice in VOICES]] = LONE_CHEER_WEIGHT
            if item.target == "ambience" or item.bed_target == "ambience":
                weights[row, LABELS.index("speech")] = 0.0
        return targets, weights

    def _silent(self, end: int) -> bool:
        """No trace of the item's sound anywhere in the window that ends here."""
        return not self._store.active[max(end - self._hops + 1, 0) : end + 1].any()


def is_lone_cheer(item: Item) -> bool:
    """A single loud voice that cheers, laughs or calls: often no other sound than a shout or a scream."""
    return item.dataset in LONE_VOICES and item.target in ("cheer_crowd", OTHER)


def _negatives_of(dataset: str) -> str:
    """Name of the pool of a data set's negatives: same microphone, other sound."""
    return f"negatives of {dataset}"


def recently(active: NDArray[np.bool_], starts: NDArray[np.int64], hops: int) -> NDArray[np.bool_]:
    """Where the sound is on in this hop or one of the `hops` - 1 before it, inside the same item."""
    first = np.zeros(len(active), dtype=bool)
    first[starts] = True
    item_of = np.cumsum(first)
    recent = active.copy()
    for back in range(1, hops):
        recent[back:] |= active[:-back] & (item_of[back:] == item_of[:-back])
    return recent


def _mean_level_db(windows: augment.Windows) -> NDArray[np.float32]:
    power = np.where(windows.valid, 10.0 ** (windows.laeq_db / 10.0), 0.0).sum(axis=1)
    return (10.0 * np.log10(power / np.maximum(windows.valid.sum(axis=1), 1) + 1e-16)).astype(np.float32)


def _loud_level_db(windows: augment.Windows) -> NDArray[np.float32]:
    """Level of the loudest hop less 3 dB: near the level of the loud part."""
    return np.where(windows.valid, windows.laeq_db, -180.0).max(axis=1).astype(np.float32) - np.float32(3.0)


def _choose(chosen: NDArray[np.bool_], first: augment.Windows, second: augment.Windows) -> augment.Windows:
    def pick(name: str) -> NDArray[np.float32]:
        one, other = getattr(first, name), getattr(second, name)
        return np.where(chosen.reshape(-1, *(1,) * (one.ndim - 1)), one, other)

    return augment.Windows(**{name: pick(name) for name in augment.Windows.__slots__})


assert set(NEGATIVE_WEIGHTS) == {*NEGATIVES, OTHER}
