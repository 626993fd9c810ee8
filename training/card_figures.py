"""A model card's figures, out of the bench's results: the model's own, with those of the others beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.bench.markdown import Lines, share_text, table
from training.bench.report_tables import negative_lines, voice_lines

#: False alarms an hour of one class in the street, at which its misses are stated.
STREET_RATE = "1.5"

Figures = Mapping[str, Any]


def figures(model_id: str, others: Sequence[str], results: Figures | None) -> Lines:
    """All figures of one model; others: ids of the models that stand beside it."""
    heard = _by_model(results or {})
    if results is None or model_id not in heard:
        return ["", "The bench has not heard this model yet: no figures.", ""]
    side = {name: heard[name] for name in (model_id, *others) if name in heard}
    own = {model_id: heard[model_id]}
    return [
        "",
        _from_where(results["part"], [name for name in others if name not in heard]),
        "",
        *_side_by_side(side),
        "### False alarms by kind of sound",
        *negative_lines({name: _with_alerts(row) for name, row in own.items()}),
        "### Voices by pitch, age and language",
        *voice_lines(own),
    ]


def _from_where(part: str, unheard: Sequence[str]) -> str:
    known = (
        "of which neither weights nor thresholds know a recording"
        if part == "report"
        else "on which thresholds were set: this is not the final report"
    )
    without = f" Not heard by the bench: {', '.join(unheard)}." if unheard else ""
    return (
        f"By `python -m training.bench` on the part `{part}`, {known}. Intervals, rivals and what the "
        f"figures mean: `training/bench/RESULTS.md` and its README.{without}"
    )


def _by_model(results: Figures) -> dict[str, Figures]:
    """Figures by the id of the model that gave them, not by what the detector was called."""
    detectors = results.get("detectors", {})
    return {model: detectors[name] for name, model in results.get("models", {}).items() if name in detectors}


def _with_alerts(row: Figures) -> Figures:
    """What `negative_lines` makes a table of is a detector with alerts; ours always is one."""
    return {"alerts": {}, **row}


def _side_by_side(side: Mapping[str, Figures]) -> Lines:
    rows: list[tuple[object, ...]] = []
    each = list(side.values())
    for label in _labels(each, "clips"):
        cells = [share_text(one["clips"][label]["found"][0]) for one in each]
        rows.append((f"{label}: clips found at 2.5 false alarms/h", *cells))
        rows.append((f"{label}: AUC", *(f"{one['clips'][label]['auc']:.3f}" for one in each)))
    for label in _labels([one["street"] for one in each], "classes"):
        misses = [one["street"]["classes"][label]["misses"].get(STREET_RATE) for one in each]
        if all(misses):
            cells = [share_text(one) for one in misses if one]
            rows.append((f"{label}: missed in the street at {STREET_RATE} false alarms/h", *cells))
    for title, key in (("at 10 dB and above", "at_10_and_above"), ("below 10 dB", "below_10")):
        if all("alerts" in one for one in each):
            found = [one["alerts"]["found"][key] for one in each]
            rows.append(
                (f"alerts in the street, {title}", *(f"{f['found']} of {f['events']}" for f in found))
            )
    if all("alerts" in one for one in each):
        rows.append(("false alarms/h in the street", *(one["alerts"]["false_per_hour"] for one in each)))
    if all("rare" in one for one in each):
        cells = [share_text(one["rare"]["macro_f1"]) for one in each]
        rows.append(("event F1, one event in 30 s, macro", *cells))
    for label in _labels(each, "calibration"):
        cells = [f"{one['calibration'][label]['ece']:.3f}" for one in each]
        rows.append((f"{label}: calibration error", *cells))
    return table(("figure", *side), rows)


def _labels(each: Sequence[Figures], key: str) -> list[str]:
    """The labels that every one of them has figures of."""
    return [label for label in each[0].get(key, {}) if all(label in one.get(key, {}) for one in each)]
