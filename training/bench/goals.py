"""What was aimed for, and what came of it: the first table of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.bench.markdown import Lines, share_text, table

YAMNET, FREE_OF_PRIVACY = "yamnet", "log-mel"
"""Names on the command line of the two detectors of which goals speak."""
FEWER_TIMES, F1_LEAST, F1_LOST, ECE_MOST = 5.0, 0.90, 0.05, 0.05
MISSES_MOST = {10.0: 0.10, 5.0: 0.25}
CLIPS_LEAST = {"shout": 0.50, "scream": 0.85, "glass_break": 0.90, "gunshot": 0.90}
ALERTS_LEAST = {"at_10_and_above": 0.9, "below_10": 0.6}
_TITLES = {"at_10_and_above": "10 dB and above", "below_10": "below 10 dB"}

Row = tuple[str, str, str, str]


def goal_lines(results: Mapping[str, Any]) -> Lines:
    """One row a goal for the first of our detectors: goal, figure, whether it is reached."""
    name = main_of(results["detectors"])
    if name is None:
        return ["", "Not run.", ""]
    own, against = results["detectors"][name], results["comparison"].get(name, {})
    rows = [
        *_clips(own), *_street(own), *_lowest(own), *_rare(own),
        *_rival(against.get(YAMNET)), *_privacy(against, results["detectors"]),
        *_negatives(own), *_calibrated(own),
    ]  # fmt: skip
    return ["", f"Figures of `{name}`.", *table(("what", "goal", "figure", "reached"), rows)]


def main_of(detectors: Mapping[str, Any]) -> str | None:
    """The first detector with alerts: the one that the page is about."""
    return next((name for name, own in detectors.items() if "alerts" in own), None)


def _clips(own: Mapping[str, Any]) -> list[Row]:
    return [
        _least(f"clips of {label} found at 2.5 false alarms/h", CLIPS_LEAST[label], row["found"][0])
        for label, row in own.get("clips", {}).items()
    ]


def _street(own: Mapping[str, Any]) -> list[Row]:
    rate = own["alerts"]["false_per_hour"]
    rows = [
        _least(f"alerts in the street, {_TITLES[key]}", least, own["alerts"]["found"][key]["share"])
        for key, least in ALERTS_LEAST.items()
    ]
    return [*rows, ("false alarms by those alerts", "6/h", f"{rate}/h", _yes(rate <= 6.0))]


def _lowest(own: Mapping[str, Any]) -> list[Row]:
    if "lowest_rate" not in own:
        return []
    rate = own["lowest_rate"]["at_most_per_hour"]
    rows = []
    for row in own["lowest_rate"]["found"]["by_snr_db"]:
        if row["of"] in MISSES_MOST:
            most = MISSES_MOST[row["of"]]
            missed = {key: 1.0 - row["share"][of] for key, of in _MIRRORED.items()}
            title = f"missed at {row['of']:.0f} dB, at most {rate} false alarms/h"
            rows.append((title, f"at most {most:.2f}", share_text(missed), _yes(missed["value"] <= most)))
    return rows


_MIRRORED = {"value": "value", "low": "high", "high": "low"}


def _rare(own: Mapping[str, Any]) -> list[Row]:
    if "rare" not in own:
        return []
    return [_least("event F1, macro, alerts at default settings", F1_LEAST, own["rare"]["macro_f1"])]


def _rival(row: Mapping[str, Any] | None) -> list[Row]:
    rows = []
    for misses, ratio in (row or {}).get("false_alarm_ratio_at_misses", {}).items():
        title = f"times fewer false alarms than {YAMNET} at {misses} missed"
        if ratio["ratio"]:
            few = ratio["ratio"]["value"]
            text = f"{few:.1f} ({', '.join(ratio['classes'])})"
            rows.append((title, f"{FEWER_TIMES:.0f}", text, _yes(few >= FEWER_TIMES)))
        elif ratio["rival_never_reaches"]:
            rows.append((title, f"{FEWER_TIMES:.0f}", "reached by neither or one alone", "not shown"))
    return rows


def _privacy(against: Mapping[str, Any], detectors: Mapping[str, Any]) -> list[Row]:
    """What the student without privacy finds more, and what the best of all that hear everything does.

    A student that finds less than ours is no upper bound, and shows nothing about privacy.
    """
    goal = f"at most {F1_LOST:.2f}"
    lost = {
        name: row["f1_by_threshold"]["rival_minus_ours"]
        for name, row in against.items()
        if "f1_by_threshold" in row and "alerts" not in detectors[name]
    }
    if FREE_OF_PRIVACY not in lost:
        return [("event F1 lost to privacy", goal, "no rival without it was run", "not shown")]
    own = lost[FREE_OF_PRIVACY]
    word = _yes(own["value"] <= F1_LOST) if own["value"] >= 0.0 else "not shown"
    best = max(lost, key=lambda name: float(lost[name]["value"]))
    return [
        (f"event F1 of `{FREE_OF_PRIVACY}` minus ours, same plain decision", goal, share_text(own), word),
        (f"the same of the best rival, `{best}`", "-", share_text(lost[best]), "-"),
    ]


def _negatives(own: Mapping[str, Any]) -> list[Row]:
    if "negatives" not in own:
        return []
    rows = []
    for key, title in (("table", "default alerts"), ("loose_table", "loose thresholds")):
        of: dict[str, list[str]] = {"within": [], "above": [], "not shown": []}
        for row in own["negatives"].get(key, ()):
            of[row["verdict"]].append(row["target"])
        above = ", ".join(of["above"]) or "none"
        text = f"{len(of['within'])} within, {len(of['not shown'])} not shown, above: {above}"
        word = "no" if of["above"] else "not shown" if of["not shown"] else "yes"
        rows.append((f"negative classes within three times the mean, {title}", "all", text, word))
    return rows


def _calibrated(own: Mapping[str, Any]) -> list[Row]:
    worst = max((row["ece"] for row in own.get("calibration", {}).values()), default=None)
    if worst is None:
        return []
    return [
        ("calibration error, worst class", f"at most {ECE_MOST:.2f}", f"{worst:.3f}", _yes(worst <= ECE_MOST))
    ]


def _least(title: str, least: float, share: Mapping[str, float]) -> Row:
    return title, f"{least:.2f}", share_text(share), _yes(share["value"] >= least)


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"
