"""What sound above 8 kHz does to a model that never heard any: measured on real clips with such sound added.

    python -m training.above_8khz --data DIR [--package default] [--clips 60]     # writes ABOVE_8KHZ.md

Clips of the part tune, as they are (nothing above 8 kHz) and with it, both at 48 kHz through the front end.
`own`: the clip's own 4 to 8 kHz shifted up by 4 kHz, so it comes and goes with the sound, as a live sensor
would hear it: 10 dB weaker, as strong, and 6 dB stronger. `hiss`: steady noise from 8 to 12 kHz, in level
like the clip and 10 dB above it (A-weighted). The bands at 8 and 10 kHz reach no model; LAeq, LAFmax, LCpeak
and the loudest sixteenth are of the whole range and do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from dsp.model_input import model_input
from dsp.windows import windows_of
from gateway.classifier import Classifier
from gateway.decisions.rules import DEFAULT_RULES
from gateway.model_setup import choose_model
from training.audio import read_clip
from training.calibrate import raising_score
from training.labels import POSITIVES, target_of
from training.manifest import Clip, audio_path, read_manifest
from training.mixtures import a_level_db
from training.parts import clips_of, load_parts

Samples = NDArray[np.float64]

RATE_HZ = 48_000
LONGEST_S = 6.0
_ABOVE = butter(8, 8200.0, "high", fs=RATE_HZ, output="sos")
_UPPER = butter(8, (4000.0, 7600.0), "band", fs=RATE_HZ, output="sos")
_HISS = butter(6, (8300.0, 12_000.0), "band", fs=RATE_HZ, output="sos")


def own_above(samples: Samples, gain_db: float) -> Samples:
    """The sound with its 4 to 8 kHz repeated at 8 to 12 kHz, `gain_db` relative to the original."""
    shift = 2.0 * np.cos(2.0 * np.pi * 4000.0 * np.arange(len(samples)) / RATE_HZ)
    above = sosfiltfilt(_ABOVE, sosfiltfilt(_UPPER, samples) * shift)
    return samples + above * 10.0 ** (gain_db / 20.0)


def with_hiss(samples: Samples, above_db: float) -> Samples:
    """The sound with steady noise above 8 kHz; above_db: its A-weighted level re that of the sound."""
    hiss = sosfiltfilt(_HISS, np.random.default_rng(1).standard_normal(len(samples)))
    power = np.mean(hiss**2) / max(10.0 ** (a_level_db(samples) / 10.0), 1e-14)
    return samples + hiss * 10.0 ** (above_db / 20.0) / np.sqrt(power)


WAYS: dict[str, Callable[[Samples], Samples]] = {
    "own, -10 dB": lambda samples: own_above(samples, -10.0),
    "own, 0 dB": lambda samples: own_above(samples, 0.0),
    "own, +6 dB": lambda samples: own_above(samples, 6.0),
    "hiss, 0 dB": lambda samples: with_hiss(samples, 0.0),
    "hiss, +10 dB": lambda samples: with_hiss(samples, 10.0),
}


def clip_scores(classifier: Classifier, samples: Samples) -> NDArray[np.float64]:
    """(hops, 4): scores of the positive classes at the end of each hop."""
    frames = frames_of(samples, RATE_HZ)
    windows, valid = windows_of(frames, np.ones(len(frames), dtype=bool), classifier.window_hops)
    rows = [classifier.scores(model_input(*pair)).by_label for pair in zip(windows, valid, strict=True)]
    return np.array([[row[label] for label in POSITIVES] for row in rows]).reshape(-1, len(POSITIVES))


def at_48_khz(samples: Samples) -> Samples:
    """A clip at the sensor's rate, at a quarter of full scale, so that what is added does not clip."""
    made: Samples = resample_poly(samples[: int(LONGEST_S * 16_000)], 3, 1)
    return made * 0.25 / max(float(np.abs(made).max()), 1e-9)


def chosen(clips: Sequence[Clip], each: int) -> list[tuple[str, Clip]]:
    """Up to `each` clips of every positive class and five times as many others, drawn with a seed."""
    rng = np.random.default_rng(5)
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        target = target_of(clip)
        if target is not None:
            groups.setdefault(target if target in POSITIVES else "", []).append(clip)
    return [
        (target, own[int(place)])
        for target, own in sorted(groups.items())
        for place in rng.permutation(len(own))[: each if target else 5 * each]
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.above_8khz", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", default="default")
    parser.add_argument("--clips", type=int, default=60, help="of each class; five times as many others")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "ABOVE_8KHZ.md")
    args = parser.parse_args(argv)
    classifier = choose_model(args.package).classifier
    assert classifier is not None
    clips = chosen(clips_of(read_manifest(args.data), load_parts(), ["tune"]), args.clips)
    raised: dict[str, list[NDArray[np.bool_]]] = {"as it is": [], **{name: [] for name in WAYS}}
    apart: dict[str, list[NDArray[np.float64]]] = {name: [] for name in WAYS}
    for _, clip in clips:
        samples = at_48_khz(read_clip(audio_path(args.data, clip)))
        plain = clip_scores(classifier, samples)
        raised["as it is"].append(_raised(plain, classifier.package.thresholds))
        for name, way in WAYS.items():
            scores = clip_scores(classifier, way(samples))
            raised[name].append(_raised(scores, classifier.package.thresholds))
            apart[name].append(np.abs(scores - plain).ravel())
    own = np.array([[target == label for label in POSITIVES] for target, _ in clips])
    lines = _page(classifier.package.model_id, own, {name: np.array(rows) for name, rows in raised.items()})
    text = "\n".join(
        [*lines, *(f"- {n}: {np.concatenate(rows).mean():.4f}" for n, rows in apart.items()), ""]
    )
    print(text)
    args.out.write_text(text, encoding="utf-8")
    return 0


def _page(model_id: str, own: NDArray[np.bool_], raised: Mapping[str, NDArray[np.bool_]]) -> list[str]:
    plain = next(iter(raised.values()))
    rows = [
        f"| {name} | {(now & own).sum()} of {own.sum()} | {(now & ~own).sum()} | {(now != plain).sum()} |"
        for name, now in raised.items()
    ]
    return [
        f"# What sound above 8 kHz does to `{model_id}`",
        "",
        f"Written by `python -m training.above_8khz`, which says what it did; do not edit. {len(own)} "
        f"clips of "
        "the part tune, decided by the default rules at the model's thresholds, without level gates.",
        "",
        "| added above 8 kHz | events found | alarms on other clips | decided otherwise |",
        "|---|---|---|---|",
        *rows,
        "",
        "Mean difference of a score of the four classes:",
        "",
    ]


def _raised(scores: NDArray[np.float64], thresholds: Mapping[str, float]) -> NDArray[np.bool_]:
    return np.array(
        [
            raising_score(scores[:, column].astype(np.float32), *_needed(label)) >= thresholds[label]
            for column, label in enumerate(POSITIVES)
        ]
    )


def _needed(label: str) -> tuple[int, int]:
    rule = DEFAULT_RULES[label]
    return max(1, ceil(rule.required_s / HOP_S)), max(1, round(rule.window_s / HOP_S))


if __name__ == "__main__":
    sys.exit(main())
