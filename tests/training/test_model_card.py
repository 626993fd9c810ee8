"""Model cards: made of the package's description and the bench's figures, and never of another model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training.labels import NEGATIVES, POSITIVES
from training.model_card import CARD, MODELS, RESULTS, card, facts_of, main

FOLDERS = sorted(path.parent for path in MODELS.glob("*/model.toml"))
SHARE = {"value": 0.5, "low": 0.4, "high": 0.6}


def bench_results(*models: str, part: str = "report") -> dict[str, Any]:
    """As the bench writes them, one detector a model."""
    found = {"found": 3, "events": 9}
    own = {
        "clips": {label: {"found": [SHARE, SHARE], "auc": 0.9} for label in POSITIVES},
        "street": {"classes": {label: {"misses": {"1.5": SHARE}} for label in POSITIVES}},
        "alerts": {"found": {"at_10_and_above": found, "below_10": found}, "false_per_hour": 2.25},
        "rare": {"macro_f1": SHARE},
        "calibration": {label: {"ece": 0.031} for label in POSITIVES},
        "voices": {
            "pitch": [
                {
                    "kind": "shout", "of": "below 180 Hz", "figure": "found", "share": SHARE,
                    "clips": 4, "sources": 3, "minutes": 1.0,
                }
            ]
        },
        "negatives": {
            "table": [
                {
                    "target": "laughter", "minutes": 2.0, "clips": 9, "sources": 4, "alarms": {"scream": 1},
                    "per_minute": 0.5, "upper_per_minute": 2.0, "ratio_to_mean": 1.0, "verdict": "not shown",
                }
            ],
            **{
                kind: {
                    "minutes": 9.0, "sources": 4, "alarms": 1, "per_hour": 6.0, "upper_per_hour": 30.0,
                    "per_sensor_day": 144.0, "upper_per_sensor_day": 720.0,
                }
                for kind in ("all", "background")
            },
        },
    }  # fmt: skip
    names = [f"d{number}" for number in range(len(models))]
    return {
        "part": part,
        "models": dict(zip(names, models, strict=True)),
        "detectors": dict.fromkeys([*names, "yamnet"], own),
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_committed_card_is_what_the_description_and_the_bench_say(folder: Path) -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else None
    own = facts_of(folder)
    others = [facts_of(other) for other in FOLDERS if other != folder]
    renewed = "run python -m training.model_card"
    assert (folder / CARD).read_text(encoding="utf-8") == card(own, others, results), renewed


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_card_says_what_it_is_made_of_and_not_for(folder: Path) -> None:
    text = (folder / CARD).read_text(encoding="utf-8")
    for needed in ("must not be used", "emotion", "Thin (", "above 8 kHz", "high vocal effort", "In 8 bits"):
        assert needed in text
    facts = facts_of(folder)
    for label in {*POSITIVES, *NEGATIVES} & set(facts["training"]["clips"]):
        assert f"| {label} | {facts['training']['clips'][label]['clips']} |" in text
    if folder.name != "open":
        assert "non-commercial" in text


def test_figures_stand_side_by_side() -> None:
    own, other = (facts_of(folder) for folder in FOLDERS[:2])
    text = card(own, [other], bench_results(own["id"], other["id"]))
    assert f"| figure | {own['id']} | {other['id']} |" in text
    assert "| shout: clips found at 2.5 false alarms/h | 0.50 (0.40-0.60) | 0.50 (0.40-0.60) |" in text
    assert "| alerts in the street, at 10 dB and above | 3 of 9 | 3 of 9 |" in text
    assert "| laughter | 2.0 | 9 | 4 | scream 1 |" in text
    assert "not shown" in text
    assert "| shout | below 180 Hz | found |" in text
    assert "not the final report" not in text


def test_figures_of_another_model_are_not_taken() -> None:
    own, other = (facts_of(folder) for folder in FOLDERS[:2])
    text = card(own, [other], bench_results(other["id"], "an-older-one"))
    assert "has not heard this model yet" in text
    assert "| figure |" not in text
    alone = card(own, [other], bench_results(own["id"]))
    assert f"Not heard by the bench: {other['id']}" in alone


def test_a_card_of_the_part_tune_says_so() -> None:
    own = facts_of(FOLDERS[0])
    assert "this is not the final report" in card(own, [], bench_results(own["id"], part="tune"))


def test_the_command_writes_every_card(tmp_path: Path) -> None:
    for folder in FOLDERS:
        (tmp_path / folder.name).mkdir()
        for name in ("model.toml", "model.tflite"):
            (tmp_path / folder.name / name).write_bytes((folder / name).read_bytes())
    assert main(["--models", str(tmp_path), "--results", str(tmp_path / "none.json")]) == 0
    assert {path.parent.name for path in tmp_path.glob(f"*/{CARD}")} == {folder.name for folder in FOLDERS}
