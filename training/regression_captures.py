"""The fixed set of captures that no model may get worse on: `tests/regression/captures`.

    python -m training.regression_captures --data DIR [--out tests/regression/captures]

Sources of the part `captures` alone, all permissively licensed, which no network trains on and nothing is
tuned on. Each kind of sound twice: near (a quiet place, at the level of `training.captures.EVENTS`) and far
(a busy place, 10 dB above it). One capture holds several recordings one after the other, as far apart as an
event needs to end. Ambience is the silence set of `tests/captures`, used where it lies. The same data give
the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from training.audio import CLIP_RATE_HZ, read_clip
from training.captures import BUSY_BEDS, EVENTS, QUIET_BEDS, Made, at_level, by_label, write_set
from training.labels import POSITIVES, target_of
from training.manifest import Clip, audio_path, read_manifest
from training.mixtures import loud_part
from training.parts import clips_of, load_parts

QUIET_DB, BUSY_DB, FAR_SNR_DB = 50.0, 62.0, 10.0
LONGEST_S = 5.0
CLIPS = 12
BEFORE_S = 6.0
#: An event stays open for 3 to 4 s after its last evidence; the next must not fall into it.
APART_POSITIVE_S, APART_NEGATIVE_S = 7.0, 2.0


def regression_set(data_dir: Path, clips: Sequence[Clip]) -> Iterator[Made]:
    """One capture for each kind of sound and each of the two distances."""
    groups = by_label(clips)
    quiet, busy = (_bed(groups["ambience"], names) for names in (QUIET_BEDS, BUSY_BEDS))
    of_target: dict[str, list[tuple[float, Clip]]] = {}
    for label, (spl_db, _) in EVENTS.items():
        for clip in _one_source_after_the_other(groups.get(label, [])):
            of_target.setdefault(str(target_of(clip)), []).append((spl_db, clip))
    for target, own in sorted(of_target.items()):
        chosen = own[:CLIPS]
        yield _capture(data_dir, f"{target}_near", target, chosen, quiet, QUIET_DB)
        far = [(BUSY_DB + FAR_SNR_DB, clip) for _, clip in chosen]
        yield _capture(data_dir, f"{target}_far", target, far, busy, BUSY_DB)


def _one_source_after_the_other(sources: Sequence[Sequence[Clip]]) -> list[Clip]:
    """The first clip of every source, then the second of every source that has one, and so on."""
    most = max((len(clips) for clips in sources), default=0)
    return [clips[turn] for turn in range(most) for clips in sources if turn < len(clips)]


def _bed(ambience: Sequence[Sequence[Clip]], names: Sequence[str]) -> Clip:
    named = [clips[0] for name in names for clips in ambience if clips[0].source_id == name]
    return named[0] if named else ambience[0][0]


def _capture(
    data_dir: Path, name: str, target: str, chosen: Sequence[tuple[float, Clip]], bed: Clip, bed_db: float
) -> Made:
    apart_s = APART_POSITIVE_S if target in POSITIVES else APART_NEGATIVE_S
    sounds = [
        at_level(loud_part(read_clip(audio_path(data_dir, clip)), LONGEST_S), spl_db)
        for spl_db, clip in chosen
    ]
    onset_s, events = BEFORE_S, []
    for sound in sounds:
        end_s = onset_s + len(sound) / CLIP_RATE_HZ
        events.append((round(onset_s, 3), round(end_s, 3)))
        onset_s = end_s + apart_s
    background = read_clip(audio_path(data_dir, bed))
    length = int(onset_s * CLIP_RATE_HZ)
    mixed = at_level(np.tile(background, length // len(background) + 1)[:length], bed_db).copy()
    for (begin_s, _), sound in zip(events, sounds, strict=True):
        start = int(begin_s * CLIP_RATE_HZ)
        mixed[start : start + len(sound)] += sound
    what = f"{len(chosen)} recordings of {target} in {bed.source_id} at {bed_db:.0f} dB"
    return Made(name, target, what, mixed, (*(clip for _, clip in chosen), bed), tuple(events))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.regression_captures", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("tests/regression/captures"))
    args = parser.parse_args(argv)
    clips = clips_of(read_manifest(args.data), load_parts(), ["captures"])
    index = write_set(regression_set(args.data, clips), args.out)
    size = sum(path.stat().st_size for path in args.out.glob("*"))
    minutes = sum(float(str(row["minutes"])) for row in index)
    print(json.dumps({"captures": len(index), "minutes": round(minutes, 1), "kB": size // 1000}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
