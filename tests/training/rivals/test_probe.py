"""The network on a tagger's features: what it is taught, how it is drawn, and what it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.labels import POSITIVES
from training.rivals.balance import chances_of
from training.rivals.probe import Probe, load_probe
from training.rivals.probe_rows import draw_weights, rows_of
from training.rivals.tuning import figures_of, highest_of, mean_found
from training.store import Item


def _item(target: str, start: int = 0, count: int = 40, kind: str = "clip", bed: str = "") -> Item:
    return Item(
        kind=kind,
        start=start,
        count=count,
        target=target,
        bed_target=bed,
        clip=f"{target}{start}",
        label=target,
        dataset="made",
        sources=(f"{target}{start}",),
        part="train",
        fold=0,
        dur_s=count / 8,
        band_hz=8000.0,
        snr_db=None,
    )


def _active(*hops: int, count: int = 40) -> np.ndarray:
    active = np.zeros(count, dtype=bool)
    active[list(hops)] = True
    return active


def test_a_window_asks_for_the_sound_it_holds() -> None:
    rows = rows_of(np.array([[0, 15]], dtype=np.int32), [_item("scream")], _active(12))
    assert rows.kinds == ("scream",)
    assert rows.targets.tolist() == [[0.0, 1.0, 0.0, 0.0]]
    assert rows.weights[0, POSITIVES.index("shout")] < 0.5
    assert rows.weights[0, POSITIVES.index("gunshot")] == 1.0


@pytest.mark.parametrize("newest", [13, 16])
def test_a_sound_almost_gone_leaves_the_target_open(newest: int) -> None:
    of_clip = rows_of(np.array([[0, newest]], dtype=np.int32), [_item("gunshot")], _active(1))
    assert of_clip.kinds == ("",)


def test_a_mixture_without_its_event_is_its_bed_and_a_clip_is_nothing() -> None:
    index = np.array([[0, 30]], dtype=np.int32)
    mixture = _item("gunshot", kind="mixture", bed="vehicle")
    assert rows_of(index, [mixture], _active(1)).kinds == ("vehicle",)
    assert rows_of(index, [_item("gunshot")], _active(1)).kinds == ("",)


def test_a_window_does_not_look_into_the_item_before() -> None:
    items = [_item("speech", count=20), _item("gunshot", start=20, count=20)]
    rows = rows_of(np.array([[1, 3]], dtype=np.int32), items, _active(19))
    assert rows.targets.max() == 0.0


def test_a_negative_is_drawn_as_what_it_is() -> None:
    rows = rows_of(np.array([[0, 3]], dtype=np.int32), [_item("laughter")], _active(0))
    assert rows.kinds == ("laughter",)
    assert rows.targets.max() == 0.0


def test_chances_go_by_kind_and_by_roots_within() -> None:
    kinds = ["a"] * 5 + ["b"] + [""]
    chances = chances_of(kinds, ["x"] * 7, ["many"] * 4 + ["one", "b", "c"], {"a": 0.25, "b": 0.75})
    assert chances.sum() == pytest.approx(1.0)
    assert chances[5] == pytest.approx(0.75)
    assert chances[6] == 0.0
    assert chances[:4].sum() == pytest.approx(2 * chances[4])


def test_positives_are_drawn_evenly() -> None:
    weights = draw_weights()
    assert sum(weights.values()) == pytest.approx(1.0)
    assert len({weights[label] for label in POSITIVES}) == 1


def test_scores_are_those_of_one_hidden_layer(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    shapes = ((5,), (5,), (5, 3), (3,), (3, 4), (4,))
    probe = Probe(*(rng.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes))
    features = rng.normal(size=(2, 5)).astype(np.float32)
    scores = probe.scores(features)
    hidden = [
        max(sum((features[0, i] - probe.mean[i]) / probe.spread[i] * probe.hidden[i, h] for i in range(5))
            + probe.hidden_bias[h], 0.0)
        for h in range(3)
    ]  # fmt: skip
    logit = sum(hidden[h] * probe.out[h, 2] for h in range(3)) + probe.out_bias[2]
    assert scores[0, 2] == pytest.approx(1.0 / (1.0 + np.exp(-logit)), rel=1e-5)
    probe.save(tmp_path / "probe.npz")
    assert (load_probe(tmp_path / "probe.npz").scores(features) == scores).all()


def test_an_item_counts_by_its_highest_window() -> None:
    numbers = np.array([4, 4, 7], dtype=np.int32)
    scores = np.array([[0.1], [0.6], [0.3]], dtype=np.float32)
    assert highest_of(scores, numbers).ravel().tolist() == pytest.approx([0.6, 0.3])


def test_figures_count_each_class_against_the_negatives_alone() -> None:
    items = [_item(name) for name in ("shout", "scream", "glass_break", "gunshot", "speech", "music")]
    highest = np.zeros((6, 4), dtype=np.float32)
    highest[:, 0] = (0.5, 0.9, 0.9, 0.9, 0.4, 0.1)
    highest[:, 1] = (0.5, 0.2, 0.9, 0.9, 0.4, 0.1)
    figures = figures_of(highest, items)
    assert figures["shout"] == {"auc": 1.0, "found": 1.0}
    assert figures["scream"]["auc"] == 0.5
    assert figures["scream"]["found"] == 0.0
    assert mean_found({"a": {"found": 1.0}, "b": {"found": 0.5}}) == 0.75
