"""The committed captures, made again from the data by one command.

    python -m training.captures --data DIR [--config config/captures] [--tests tests/captures]

Only sources of the part `captures` are used, all of them permissively licensed; no network ever trains on
them. Event captures put the recordings of one source into a permissive ambience at levels that a sensor would
see (full scale = 120 dB SPL); ambience captures are the recordings themselves at a stated level. Every file
names its recordings and their licences; `index.json` lists all. The same data give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsp.front_end import frames_of
from dsp.layout import HOP_S, LAYOUT_ID
from firmware_bridge.capture import SUFFIX, CaptureHeader, Source
from firmware_bridge.feature_capture import write_features_capture
from gateway.features import features_of
from training.audio import CLIP_RATE_HZ, read_clip
from training.labels import POSITIVES, target_of
from training.licences import permissive
from training.manifest import Clip, audio_path, read_manifest
from training.mixtures import a_level_db, loud_part
from training.parts import clips_of, load_parts, source_rank

Samples = NDArray[np.float64]

FULL_SCALE_DB = 120.0
MADE_BY = "python -m training.captures"
EVENT_LENGTH_S = 10.0
FIRST_ONSET_S = 3.0
BETWEEN_S = 0.6
QUIET_DB, BUSY_DB = 50.0, 60.0
#: A full-scale sine has half the mean square of full scale, and reads 0 dB on the wire.
_SINE_DB = 10.0 * np.log10(2.0)
_PEAK = 0.98

#: By manifest label: A-weighted SPL of the loud part at the sensor, and how many sources the demo set gets.
EVENTS: dict[str, tuple[float, int]] = {
    "shout": (80.0, 4),
    "scream": (84.0, 4),
    "glass_break": (82.0, 3),
    "gunshot": (98.0, 3),
    "explosion": (96.0, 1),
    "speech": (68.0, 1),
    "laughter": (72.0, 1),
    "cheer_crowd": (76.0, 1),
    "baby_cry": (74.0, 1),
    "dog_bark": (80.0, 1),
    "bird": (62.0, 0),
    "construction": (78.0, 1),
    "engine_traffic": (74.0, 1),
    "train": (76.0, 0),
    "thunder": (76.0, 1),
    "music": (70.0, 1),
    "bell": (70.0, 0),
    "door_slam": (78.0, 1),
    "footsteps": (62.0, 0),
    "siren": (82.0, 0),
    "car_horn": (84.0, 1),
    "rain": (62.0, 0),
    "wind": (62.0, 0),
    "other": (72.0, 0),
}
#: Places where a sensor might stand; other ambience (sea, snow, caves) is for the silence test alone.
QUIET_BEDS = ("cyberooh_ambient_harbor_night", "fs_237161", "fs_209804")
BUSY_BEDS = ("cyberooh_ambient_city_soft", "cyberooh_ambient_park_city", "cyberooh_ambient_fountain_plaza")
DEMO_BEDS = 2
DEMO_BED_S = 40.0


@dataclass(frozen=True, slots=True)
class Made:
    """One capture to be written: its header's facts and its samples at 16 kHz."""

    name: str
    label: str
    what: str
    samples: Samples
    clips: tuple[Clip, ...]
    events: tuple[tuple[float, float], ...] = ()


def by_label(clips: Iterable[Clip]) -> dict[str, list[list[Clip]]]:
    """Usable clips, by manifest label, one list a source, sources in their fixed order."""
    groups: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        if target_of(clip) is not None:
            groups[clip.label][clip.source_id].append(clip)
    return {
        label: [sorted(sources[s], key=lambda c: c.path) for s in sorted(sources, key=source_rank)]
        for label, sources in groups.items()
    }


class Studio:
    """Reads clips and makes captures of them."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def event(
        self, name: str, clips: Sequence[Clip], bed: Sequence[Clip], spl_db: float, bed_db: float
    ) -> Made:
        """The loud parts of up to three clips of one source, one after the other, in a bed."""
        mixed = self._bed(bed, bed_db, EVENT_LENGTH_S)
        onset_s, events, used = FIRST_ONSET_S, [], []
        for clip in clips[:3]:
            sound = at_level(loud_part(self._read(clip)), spl_db)
            start = int(onset_s * CLIP_RATE_HZ)
            if used and start + len(sound) > len(mixed):
                break
            sound = sound[: len(mixed) - start]
            mixed[start : start + len(sound)] += sound
            end_s = onset_s + len(sound) / CLIP_RATE_HZ
            events.append((round(onset_s, 3), round(end_s, 3)))
            used.append(clip)
            onset_s = end_s + BETWEEN_S
        label = clips[0].label
        what = f"{label} of {clips[0].source_id} at {spl_db:.0f} dB in {bed[0].source_id} at {bed_db:.0f} dB"
        return Made(name, label, what, mixed, (*used, bed[0]), tuple(events))

    def ambience(
        self, name: str, clips: Sequence[Clip], spl_db: float, longest_s: float | None = None
    ) -> Made:
        """All clips of one source, one after the other."""
        samples = np.concatenate([self._read(clip) for clip in clips])
        if longest_s is not None:
            samples = samples[: int(longest_s * CLIP_RATE_HZ)]
        what = f"{clips[0].label} of {clips[0].source_id} at {spl_db:.0f} dB"
        return Made(name, clips[0].label, what, at_level(samples, spl_db), tuple(clips))

    def _bed(self, clips: Sequence[Clip], spl_db: float, length_s: float) -> Samples:
        samples = self._read(clips[0])
        length = int(length_s * CLIP_RATE_HZ)
        return at_level(np.tile(samples, length // len(samples) + 1)[:length], spl_db).copy()

    def _read(self, clip: Clip) -> Samples:
        return read_clip(audio_path(self._data_dir, clip))


def demo_set(studio: Studio, groups: dict[str, list[list[Clip]]]) -> list[Made]:
    """What a demonstration plays: several of each event, other sounds, quiet and busy beds."""
    made = list(_events(studio, groups, demo=True))
    quiet, busy = _beds(groups)
    for kind, beds, spl_db in (("quiet", quiet, QUIET_DB), ("busy", busy, BUSY_DB)):
        for number, clips in enumerate(beds[:DEMO_BEDS], start=1):
            made.append(studio.ambience(f"ambience_{kind}_{number}", clips, spl_db, DEMO_BED_S))
    return made


def golden_set(studio: Studio, groups: dict[str, list[list[Clip]]]) -> list[Made]:
    """The sources that the demonstration does not use, each in a bed."""
    return list(_events(studio, groups, demo=False))


def silence_set(studio: Studio, groups: dict[str, list[list[Clip]]]) -> list[Made]:
    """All permissive ambience, which training never hears, at 50 to 65 dB."""
    return [
        studio.ambience(f"silence_{number:02d}", clips, 50.0 + number % 4 * 5.0)
        for number, clips in enumerate(groups.get("ambience", []), start=1)
    ]


def _events(studio: Studio, groups: dict[str, list[list[Clip]]], *, demo: bool) -> Iterable[Made]:
    quiet, busy = _beds(groups)
    for label, (spl_db, count) in EVENTS.items():
        sources = groups.get(label, [])
        for number, clips in enumerate(sources, start=1):
            if (number <= count) is demo:
                beds, bed_db = (quiet, QUIET_DB) if number % 2 else (busy, BUSY_DB)
                yield studio.event(f"{label}_{number}", clips, beds[number // 2 % len(beds)], spl_db, bed_db)


def _beds(groups: dict[str, list[list[Clip]]]) -> tuple[list[list[Clip]], list[list[Clip]]]:
    """Quiet and busy beds: the named ones, and where the data have none of them any long enough ambience."""
    long_enough = [clips for clips in groups["ambience"] if clips[0].dur_s >= 5.0]
    quiet, busy = (
        [clips for name in names for clips in long_enough if clips[0].source_id == name]
        for names in (QUIET_BEDS, BUSY_BEDS)
    )
    return quiet or long_enough[0::2], busy or long_enough[1::2]


def at_level(samples: Samples, spl_db: float) -> Samples:
    """Brought to an A-weighted SPL, or as near to it as the sensor's full scale allows."""
    gain = 10.0 ** ((spl_db - FULL_SCALE_DB - a_level_db(samples) - _SINE_DB) / 20.0)
    return samples * min(gain, _PEAK / max(float(np.max(np.abs(samples))), 1e-9))


def write(made: Made, folder: Path) -> dict[str, object]:
    """Write one capture; returns its line of the index."""
    if not all(permissive(clip) for clip in made.clips):
        raise ValueError(f"{made.name}: not all of its recordings are permissively licensed")
    sources = tuple(Source(c.dataset, c.clip_id, c.licence, c.source_id) for c in made.clips)
    rows = frames_of(made.samples, CLIP_RATE_HZ)
    header = CaptureHeader(
        what=made.what,
        origin=" + ".join(sorted({clip.dataset for clip in made.clips})),
        licence="; ".join(sorted({clip.licence for clip in made.clips})),
        made_by=MADE_BY,
        layout=LAYOUT_ID,
        name=made.name,
        label=made.label,
        full_scale_db=FULL_SCALE_DB,
        sources=sources,
        note="features only, no sound; bands above 6.3 kHz are missing (recordings are sampled at 16 kHz)",
    )
    write_features_capture(
        folder / f"{made.name}{SUFFIX}", header, [features_of(row, hop) for hop, row in enumerate(rows)]
    )
    return {
        "file": f"{made.name}{SUFFIX}",
        "label": made.label,
        "target": target_of(made.clips[0]),
        "positive": target_of(made.clips[0]) in POSITIVES,
        "minutes": round(len(rows) * HOP_S / 60.0, 3),
        "events": [{"onset_s": onset, "end_s": end} for onset, end in made.events],
        "sources": [
            {"dataset": s.dataset, "clip": s.clip, "source_id": s.source_id, "licence": s.licence}
            for s in sources
        ],
    }


def write_set(made: Iterable[Made], folder: Path) -> list[dict[str, object]]:
    """Write captures and their `index.json`; captures that are no longer made are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"*{SUFFIX}"):
        old.unlink()
    index = [write(one, folder) for one in made]
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return index


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.captures", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("config/captures"))
    parser.add_argument("--tests", type=Path, default=Path("tests/captures"))
    args = parser.parse_args(argv)
    groups = by_label(clips_of(read_manifest(args.data), load_parts(), ["captures"]))
    studio = Studio(args.data)
    for folder, made in (
        (args.config, demo_set(studio, groups)),
        (args.tests / "events", golden_set(studio, groups)),
        (args.tests / "silence", silence_set(studio, groups)),
    ):
        index = write_set(made, folder)
        size = sum(path.stat().st_size for path in folder.glob("*"))
        minutes = sum(float(str(row["minutes"])) for row in index)
        print(f"{folder}: {len(index)} captures, {minutes:.1f} minutes, {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
