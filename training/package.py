"""The text of `model.toml`, and the licences behind a model.

Everything that a card says of a model stands here too, so a card can be written again without the training.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.manifest import read_manifest
from training.store import Item

SCHEMA = 1
TERMS = {
    "yes": "redistributable",
    "nc": "non-commercial",
    "unknown": "no licence stated",
    "unclear": "licence unclear",
    "no": "not redistributable",
}


def licence_summary(data_dir: Path, items: Iterable[Item]) -> dict[str, dict[str, float]]:
    """By kind of terms: clips, minutes and data sets of the clips among the items."""
    terms_of = {clip.path: clip.redistributable for clip in read_manifest(data_dir)}
    clips: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    datasets: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.kind == "clip":
            terms = TERMS.get(terms_of[item.clip], terms_of[item.clip])
            clips[terms] += 1
            seconds[terms] += item.dur_s
            datasets[terms].add(item.dataset)
    return {
        terms: {"clips": count, "minutes": round(seconds[terms] / 60, 1), "datasets": len(datasets[terms])}
        for terms, count in clips.most_common()
    }


def licences_by_class(data_dir: Path, items: Iterable[Item]) -> dict[str, dict[str, float]]:
    """By kind of sound: minutes of its clips under each kind of terms."""
    terms_of = {clip.path: clip.redistributable for clip in read_manifest(data_dir)}
    seconds: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        if item.kind == "clip":
            terms = terms_of[item.clip]
            seconds[item.target][TERMS.get(terms, terms)] += item.dur_s
    return {
        target: {terms: round(total / 60, 1) for terms, total in sorted(own.items())}
        for target, own in sorted(seconds.items())
    }


def description(facts: Mapping[str, Any]) -> str:
    """`model.toml`: what the gateway must know, then what people want to know."""
    lines = [
        "# A model package: what the gateway checks before it uses model.tflite. Made by training/export.py.",
        f"schema = {SCHEMA}",
        f"id = {json.dumps(facts['id'])}",
        'file = "model.tflite"',
        f'sha256 = "{facts["sha256"]}"',
        f"layout = {facts['layout']}",
        f"model_input_version = {facts['model_input_version']}",
        f"window_hops = {facts['input_shape'][0]}",
        f"input_shape = {json.dumps(facts['input_shape'])}  # window hops, channels",
        "labels = [",
        *(f"  {json.dumps(label)}," for label in facts["labels"]),
        "]",
        f"positives = {json.dumps(facts['positives'])}",
        "",
        "# on_score by class; what they keep to stands in [training], thresholds_by.",
        "[thresholds]",
        *(f"{label} = {value}" for label, value in facts["thresholds"].items()),
        "",
        "[training]",
        f"date = {facts['date']}",
        f"parameters = {facts['parameters']}",
        f"mmac_per_s = {facts['mmac_per_s']}",
        f"thresholds_by = {json.dumps(facts['thresholds_by'])}",
        f"note = {json.dumps(_note(facts['licences']))}",
        "",
        *_tables("training.clips", facts["trained_on"]),
        *_tables("training.licences", facts["licences"]),
        *(
            _tables("training.licences_by_class", facts["licences_by_class"])
            if "licences_by_class" in facts
            else ()
        ),
        *(_agreement(facts["agreement"]) if "agreement" in facts else ()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _note(licences: Iterable[str]) -> str:
    if set(licences) <= {TERMS["yes"]}:
        return "Trained on redistributable sources alone: see MODEL_CARD.md."
    return "Contains non-commercial sources and sources without a stated licence: see MODEL_CARD.md."


def _agreement(facts: Mapping[str, Any]) -> list[str]:
    """Of an 8-bit file: how its scores and decisions differ from the float32 file's."""
    rows = {
        label: {
            "events": row["events"],
            "found_float32": row["found"][0],
            "found_int8": row["found"][1],
            "others": row["others"],
            "alarms_float32": row["alarms"][0],
            "alarms_int8": row["alarms"][1],
            "decided_otherwise": row["differ"],
        }
        for label, row in facts["decided"].items()
    }
    return [
        "# Against the float32 file, on all clips of the part tune: scores of the four classes by window,",
        "# and clips decided by the default rules at the thresholds above.",
        "[agreement]",
        f"windows = {facts['windows']}",
        f"clips = {facts['clips']}",
        f"mean_difference = {facts['mean']:.5f}",
        f"largest_difference = {facts['largest']:.4f}",
        "",
        *_tables("agreement.decided", rows),
    ]


def _tables(name: str, rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    lines = [f"[{name}]"]
    for key, row in rows.items():
        cells = ", ".join(f"{_key(field)} = {value}" for field, value in row.items())
        lines.append(f"{json.dumps(key)} = {{ {cells} }}")
    return [*lines, ""]


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else json.dumps(name)
