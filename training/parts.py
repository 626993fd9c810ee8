"""Which part a source belongs to, fixed for good in `parts.csv`: train, tune, report or captures.

No source is in two parts. `captures` holds the permissively licensed sources from which committed captures
are made; `report` is looked at for the final report alone, so reading it takes an explicit word. The table
is what counts; `assign` made it once, and gives a place to sources that a longer manifest brings.

    python -m training.parts --data DIR          show the parts, check that every source has one
    python -m training.parts --data DIR --write  give sources that have none a part and write the table
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from training.labels import target_of
from training.licences import permissive
from training.manifest import Clip, read_manifest

SHARES = {"train": 0.65, "tune": 0.15, "report": 0.20}
PARTS = (*SHARES, "captures")
TABLE = Path(__file__).parent / "parts.csv"

#: How many permissive sources of each manifest label are set aside for captures. Thin labels keep most of
#: theirs for training. All permissive ambience is set aside: it is what silence is tested on.
CAPTURE_QUOTA = {
    "shout": 6,
    "scream": 6,
    "glass_break": 4,
    "gunshot": 3,
    "explosion": 2,
    "ambience": 1000,
    "laughter": 5,
    "cheer_crowd": 6,
    "speech": 5,
    "baby_cry": 3,
    "dog_bark": 5,
    "bird": 5,
    "construction": 4,
    "engine_traffic": 3,
    "train": 1,
    "rain": 5,
    "wind": 1,
    "thunder": 1,
    "music": 4,
    "bell": 1,
    "door_slam": 3,
    "footsteps": 2,
    "siren": 1,
    "car_horn": 1,
    "other": 10,
}


def source_rank(source_id: str) -> str:
    """A fixed pseudo-random order of sources that depends on nothing but the name."""
    return hashlib.sha256(f"parts:1:{source_id}".encode()).hexdigest()


def assign(clips: Sequence[Clip], fixed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give each source_id of `clips` a part, keeping those of `fixed`.

    Without `fixed`, the sources for captures are set aside first; the rest is dealt so that every label with
    enough sources is in every part.
    """
    part_of = dict(fixed or {})
    if not part_of:
        part_of.update(_capture_sources(clips))
    return deal(clips, part_of, SHARES)


def deal(clips: Iterable[Clip], given: Mapping[str, str], shares: Mapping[str, float]) -> dict[str, str]:
    """Deal every source of `clips` that `given` does not place to one of `shares`; returns all places.

    Stratified by label and what it counts as, rarest stratum first, by minutes and by number of sources.
    """
    place_of = dict(given)
    minutes = _minutes_by_stratum(clips)
    for stratum in sorted(minutes, key=lambda s: (len(minutes[s]), s)):
        of_sources = minutes[stratum]
        open_sources = sorted((s for s in of_sources if s not in place_of), key=source_rank)
        dealt = [s for s in of_sources if place_of.get(s) in shares]
        have_min = {p: sum(of_sources[s] for s in dealt if place_of[s] == p) for p in shares}
        have_n = Counter(place_of[s] for s in dealt)
        total_min = sum(have_min.values()) + sum(of_sources[s] for s in open_sources)
        total_n = len(dealt) + len(open_sources)
        for source in open_sources:
            lack = {p: _lack(shares[p], have_min[p] / total_min, have_n[p] / total_n) for p in shares}
            place = max(shares, key=lambda p: lack[p])
            place_of[source] = place
            have_min[place] += of_sources[source]
            have_n[place] += 1
    return place_of


def load_parts(table: Path = TABLE) -> dict[str, str]:
    """Read the committed table: source_id -> part."""
    with table.open(newline="", encoding="utf-8") as stream:
        return {row["source_id"]: row["part"] for row in csv.DictReader(stream)}


def clips_of(
    clips: Iterable[Clip], part_of: Mapping[str, str], parts: Iterable[str], *, read_report: bool = False
) -> list[Clip]:
    """The clips of the named parts. Asking for `report` without `read_report=True` raises PermissionError.

    A source that the table does not know belongs to no part and is left out.
    """
    wanted = frozenset(parts)
    if unknown := wanted - set(PARTS):
        raise ValueError(f"no such part: {', '.join(sorted(unknown))}")
    if "report" in wanted and not read_report:
        raise PermissionError("the report part is read for the final report only: pass read_report=True")
    return [clip for clip in clips if part_of.get(clip.source_id) in wanted]


def _lack(share: float, share_of_minutes: float, share_of_sources: float) -> float:
    """How far a part is behind, relative to its share; minutes and number of sources count alike."""
    return 1.0 - (share_of_minutes + share_of_sources) / (2.0 * share)


def _minutes_by_stratum(clips: Iterable[Clip]) -> dict[str, dict[str, float]]:
    minutes: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for clip in clips:
        minutes[f"{clip.label}/{target_of(clip)}"][clip.source_id] += max(clip.dur_s, 0.1) / 60.0
    return minutes


def _capture_sources(clips: Sequence[Clip]) -> dict[str, str]:
    by_source: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_source[clip.source_id].append(clip)
    offered: dict[str, list[str]] = defaultdict(list)
    for source, own in by_source.items():
        if all(permissive(clip) for clip in own):
            for label in {clip.label for clip in own if target_of(clip) is not None}:
                offered[label].append(source)
    chosen: dict[str, str] = {}
    for label, quota in CAPTURE_QUOTA.items():
        for source in sorted(offered[label], key=source_rank)[:quota]:
            chosen[source] = "captures"
    return chosen


def _write(part_of: Mapping[str, str], table: Path) -> None:
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("source_id", "part"))
        writer.writerows(sorted(part_of.items()))


def _summary(clips: Sequence[Clip], part_of: Mapping[str, str]) -> Iterable[str]:
    minutes: dict[str, Counter[str]] = defaultdict(Counter)
    sources: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for clip in clips:
        label, part = target_of(clip) or "(not used)", part_of.get(clip.source_id, "(none)")
        minutes[label][part] += clip.dur_s / 60.0
        sources[label][part].add(clip.source_id)
    yield f"{'minutes (sources)':20s}" + "".join(f"{part:>14s}" for part in PARTS)
    for label in sorted(minutes):
        cells = (f"{minutes[label][p]:.1f} ({len(sources[label][p])})" for p in PARTS)
        yield f"{label:20s}" + "".join(f"{cell:>14s}" for cell in cells)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.parts", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="directory that holds train/manifest.jsonl")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--write", action="store_true", help="give the sources without a part one")
    args = parser.parse_args(argv)
    clips = read_manifest(args.data)
    part_of = load_parts(args.table) if args.table.exists() else {}
    if args.write:
        part_of = assign(clips, part_of)
        _write(part_of, args.table)
    print("\n".join(_summary(clips, part_of)))
    without = sorted({clip.source_id for clip in clips} - set(part_of))
    if without:
        print(f"{len(without)} sources have no part, the first: {without[0]} (--write gives them one)")
    return 1 if without else 0


if __name__ == "__main__":
    sys.exit(main())
