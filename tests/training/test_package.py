"""What is written about a model: the description that the gateway reads, the card, the results page."""

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from gateway.model_package import load_package
from training.calibrate import fit_calibration, thresholds_of
from training.evaluation import Scored, all_figures
from training.labels import LABELS, POSITIVES
from training.package import description
from training.results import results_page
from training.store import Item

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "config" / "models"


def _facts(content: bytes) -> dict:
    return {
        "id": "made-20260101",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "layout": LAYOUT_ID,
        "model_input_version": MODEL_INPUT_VERSION,
        "input_shape": [20, CHANNELS],
        "labels": list(LABELS),
        "positives": list(POSITIVES),
        "thresholds": dict.fromkeys(POSITIVES, 0.5),
        "thresholds_by": "the part tune",
        "trained_on": {"shout": {"clips": 3, "minutes": 1.0, "sources": 2}},
        "licences": {"non-commercial": {"clips": 3, "minutes": 1.0, "datasets": 1}},
        "parameters": 10,
        "mmac_per_s": 0.1,
        "date": "2026-01-01",
    }


def _scored(count: int = 40) -> list[Scored]:
    rng = np.random.default_rng(3)
    made = []
    for number in range(count):
        target = (*POSITIVES, "speech", "ambience", "other", "dog_bark")[number % 8]
        scores = rng.uniform(0.0, 0.6, (16, len(LABELS))).astype(np.float32)
        if target in POSITIVES:
            scores[4:8, LABELS.index(target)] += 0.4
        item = Item(
            kind="mixture" if number % 3 == 0 else "clip",
            start=16 * number,
            count=16,
            target=target,
            bed_target="ambience" if number % 3 == 0 else "",
            clip=f"{number}",
            label=target,
            dataset="made",
            sources=(f"s{number // 2}",),
            part="tune",
            fold=0,
            dur_s=2.0,
            band_hz=8000.0,
            snr_db=float(number % 20) if number % 3 == 0 else None,
        )
        active = np.zeros(16, dtype=bool)
        active[4:8] = True
        made.append(Scored(item, scores, active))
    return made


def test_the_gateway_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"not a model")
    (tmp_path / "model.toml").write_text(description(_facts(b"not a model")), encoding="utf-8")
    package = load_package(
        tmp_path, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    )
    assert package.model_id == "made-20260101"
    assert package.input_shape == (20, CHANNELS)
    assert package.labels == LABELS


def test_the_page_of_a_cross_validation() -> None:
    results = {"folds": 4, "steps": 1, **all_figures(_scored())}
    assert json.loads(json.dumps(results))["positives"] == list(POSITIVES)
    page = results_page(results)
    for label in (*POSITIVES, "speech", "dog_bark", "other"):
        assert f"| {label} |" in page


def test_calibration_makes_scores_follow_the_truth() -> None:
    scored = _scored(80)
    logits = [Scored(one.item, one.scores * 8.0 - 4.0, one.active) for one in scored]
    calibration = fit_calibration(logits)
    given = [Scored(one.item, calibration.scores(one.scores), one.active) for one in logits]
    column = LABELS.index("scream")
    on = np.concatenate([one.scores[4:8, column] for one in given if one.item.target == "scream"])
    off = np.concatenate([one.scores[:, column] for one in given if one.item.target == "speech"])
    assert on.mean() > 2 * off.mean()
    thresholds = thresholds_of(given)
    assert set(thresholds) == set(POSITIVES)
    assert all(0.0 <= at <= 1.0 for at in thresholds.values())


def test_without_negatives_there_is_a_plain_threshold() -> None:
    assert thresholds_of([]) == dict.fromkeys(POSITIVES, 0.5)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/model.toml")))
def test_the_committed_package_is_whole_and_says_what_it_holds(name: str) -> None:
    folder = MODELS / name
    package = load_package(
        folder, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    )
    assert package.labels == LABELS
    assert package.positives == POSITIVES
    assert package.input_shape[1] == CHANNELS
    table = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    assert table["training"]["mmac_per_s"] <= 30.0
    open_terms = set(table["training"]["licences"]) == {"redistributable"}
    assert open_terms == (name == "open")
    assert ("non-commercial" in table["training"]["note"].lower()) != open_terms
    assert set(table["training"]["clips"]) >= set(POSITIVES)
    assert package.model_id in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
