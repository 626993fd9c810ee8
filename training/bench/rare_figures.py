"""One event or none in 30 s, in the manner of DCASE 2017 task 2: event-based F1 and error rate.

Each class is asked for in its own mixtures. Ours answers with the alerts that the pipeline raises at default
settings. A rival answers with threshold and hold; its thresholds, and how much later than the sound its
onsets are, are set on the part tune.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from training.bench.alarms import Alarm, alarms_above
from training.bench.bootstrap import Floats, Sources, drawn
from training.bench.detector import CLASSES
from training.bench.matching import Counts, matched, total
from training.bench.scoring import Scored
from training.bench.truth import Recording

LATER_S = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
_GRID = 40

Answers = Sequence[Sequence[Alarm]]


def tuned(recordings: Sequence[Recording], scored: Scored) -> dict[str, dict[str, float]]:
    """Of each class the threshold and lateness of the best F1 on these recordings, those of tune."""
    best = {}
    for column, label in enumerate(CLASSES):
        own = [n for n, recording in enumerate(recordings) if recording.task == label]
        peaks = np.concatenate([scored.scores[n][:, column] for n in own]) if own else np.zeros(1)
        grid = np.unique(np.quantile(peaks, 1.0 - np.geomspace(1e-4, 0.3, _GRID)))
        trials = []
        for threshold in grid:
            limits = np.full(len(CLASSES), np.inf)
            limits[column] = threshold
            answers = [alarms_above(scored.scores[n], scored.hop_s, limits) for n in own]
            for later_s in LATER_S:
                counts = total(
                    matched(_onsets(recordings[n], label), _stated(alarms, label, later_s))
                    for n, alarms in zip(own, answers, strict=True)
                )
                trials.append((counts.f1, float(threshold), later_s))
        _, threshold, later_s = max(trials, default=(0.0, 1.0, 0.0))
        best[label] = {"threshold": threshold, "later_s": later_s}
    return best


def answers_of(scored: Scored, settings: Mapping[str, Mapping[str, float]] | None) -> list[list[Alarm]]:
    """The alarms of every recording: the detector's own alerts, or by threshold and hold."""
    if scored.alerts is not None:
        return [list(own) for own in scored.alerts]
    return answers_by_threshold(scored, settings)


def answers_by_threshold(
    scored: Scored, settings: Mapping[str, Mapping[str, float]] | None
) -> list[list[Alarm]]:
    """The alarms of every recording by threshold and hold alone, ours as any rival's."""
    if settings is None:
        raise ValueError(f"{scored.name} has no thresholds yet: run the part tune first")
    limits = np.array([settings[label]["threshold"] for label in CLASSES])
    answers = []
    for scores in scored.scores:
        alarms = alarms_above(scores, scored.hop_s, limits)
        answers.append([_earlier(alarm, settings[alarm.label]["later_s"]) for alarm in alarms])
    return answers


def rare_figures(recordings: Sequence[Recording], answers: Answers) -> dict[str, Any]:
    """F1 and error rate of each class and their means, with intervals by the sources of events and beds."""
    sources = _sources(recordings)
    numbers = sources.numbers([_owner(recording) for recording in recordings])
    per_class = {label: _counts(recordings, answers, label) for label in CLASSES}
    strict = {label: _counts(recordings, answers, label, everywhere=True) for label in CLASSES}
    present = [label for label in CLASSES if any(r.task == label for r in recordings)]

    def macro(counts: Mapping[str, Sequence[Counts]], weights: Floats) -> float:
        return float(np.mean([_weighted(counts[label], weights[numbers]).f1 for label in present]))

    def macro_error(weights: Floats) -> float:
        rates = [_weighted(per_class[label], weights[numbers]).error_rate for label in present]
        known = [rate for rate in rates if not np.isnan(rate)]
        return float(np.mean(known)) if known else float("nan")

    return {
        "recordings": len(recordings),
        "hours": round(sum(r.duration_s for r in recordings) / 3600.0, 2),
        "macro_f1": asdict(drawn(lambda weights: macro(per_class, weights), sources)),
        "macro_error_rate": asdict(drawn(macro_error, sources)),
        "macro_f1_all_mixtures": asdict(drawn(lambda weights: macro(strict, weights), sources)),
        "classes": {label: _row(recordings, answers, label, per_class[label]) for label in present},
    }


def f1_difference(recordings: Sequence[Recording], ours: Answers, rival: Answers) -> dict[str, Any]:
    """Macro F1 of both, and how much higher the rival's is, drawn together: the sources are the same."""
    sources = _sources(recordings)
    own, other = _macro_f1(recordings, ours, sources), _macro_f1(recordings, rival, sources)
    whole = np.ones(len(sources))
    return {
        "ours": round(own(whole), 4),
        "rival": round(other(whole), 4),
        "rival_minus_ours": asdict(drawn(lambda weights: other(weights) - own(weights), sources)),
    }


def _macro_f1(
    recordings: Sequence[Recording], answers: Answers, sources: Sources
) -> Callable[[Floats], float]:
    """Macro F1 as a figure of how much each source counts."""
    numbers = sources.numbers([_owner(recording) for recording in recordings])
    present = [label for label in CLASSES if any(r.task == label for r in recordings)]
    counts = {label: _counts(recordings, answers, label) for label in present}

    def of(weights: Floats) -> float:
        return float(np.mean([_weighted(counts[label], weights[numbers]).f1 for label in present]))

    return of


def _row(
    recordings: Sequence[Recording], answers: Answers, label: str, counts: Sequence[Counts]
) -> dict[str, Any]:
    events = [event for recording in recordings for event in recording.events(label)]
    whole = total(counts)
    by_ratio = {}
    for ratio_db in sorted({event.snr_db for event in events if event.snr_db is not None}):
        own = [n for n, r in enumerate(recordings) if any(e.snr_db == ratio_db for e in r.events(label))]
        by_ratio[str(ratio_db)] = round(total(counts[n] for n in own).hits / max(len(own), 1), 3)
    return {
        "events": len(events),
        "sources": len({event.source for event in events}),
        "f1": round(whole.f1, 3),
        "error_rate": round(whole.error_rate, 3),
        "hits": whole.hits,
        "false_alarms": whole.false_alarms,
        "misses": whole.misses,
        "found_by_ratio_db": by_ratio,
        "onset_error_s": _onset_errors(recordings, answers, label),
    }


def _counts(
    recordings: Sequence[Recording], answers: Answers, label: str, *, everywhere: bool = False
) -> list[Counts]:
    """Counts of every recording; of those that ask for another class none, or with `everywhere` all."""
    return [
        matched(_onsets(recording, label), [a.onset_s for a in alarms if a.label == label])
        if everywhere or recording.task == label
        else Counts()
        for recording, alarms in zip(recordings, answers, strict=True)
    ]


def _weighted(counts: Sequence[Counts], weights: Floats) -> Counts:
    return total(one.times(float(weight)) for one, weight in zip(counts, weights, strict=True))


def _onset_errors(recordings: Sequence[Recording], answers: Answers, label: str) -> list[float]:
    """Quartiles of stated onset minus true onset, of the nearest alarm within 2 s."""
    errors = []
    for recording, alarms in zip(recordings, answers, strict=True):
        for event in recording.events(label):
            near = [a.onset_s - event.onset_s for a in alarms if a.label == label]
            near = [error for error in near if abs(error) <= 2.0]
            errors += [min(near, key=abs)] if near else []
    return [round(float(q), 3) for q in np.percentile(errors, (25, 50, 75))] if errors else []


def _sources(recordings: Sequence[Recording]) -> Sources:
    return Sources([_owner(recording) for recording in recordings])


def _owner(recording: Recording) -> str:
    return recording.sounds[0].source if recording.sounds else recording.beds[0]


def _onsets(recording: Recording, label: str) -> list[float]:
    return [event.onset_s for event in recording.events(label)]


def _stated(alarms: Sequence[Alarm], label: str, later_s: float) -> list[float]:
    return [alarm.onset_s - later_s for alarm in alarms if alarm.label == label]


def _earlier(alarm: Alarm, later_s: float) -> Alarm:
    return Alarm(alarm.label, max(alarm.onset_s - later_s, 0.0), alarm.raised_s, alarm.end_s, alarm.severity)
