"""Data sets left out: who is asked what, and at which threshold."""

import numpy as np

from training.bench.leave_out import kept_items, page, rows_together, together_items
from training.labels import LABELS
from training.store import Item


def an_item(n: int, target: str, dataset: str, kind: str = "clip", part: str = "train") -> Item:
    return Item(
        kind=kind, start=0, count=1, target=target, bed_target="", clip="", label=target, dataset=dataset,
        sources=(f"{dataset}{n}",), part=part, fold=0, dur_s=60.0, band_hz=8000.0, snr_db=None,
    )  # fmt: skip


ITEMS = [
    *(an_item(n, "shout", "far") for n in range(10)),
    *(an_item(n, "scream", "far") for n in range(10, 13)),
    *(an_item(n, "speech", "other") for n in range(100)),
    an_item(0, "shout", "near"),
    an_item(0, "shout", "far", kind="mixture"),
]


def test_only_their_own_clips_are_asked_and_only_where_there_are_enough() -> None:
    asked = together_items(ITEMS, {"far", "other"})
    assert len(asked) == 113
    peaks = np.zeros((len(asked), len(LABELS)), dtype=np.float32)
    column = LABELS.index("shout")
    peaks[:, column] = [0.9] * 6 + [0.1] * 7 + [n / 1000.0 + 0.2 for n in range(100)]
    (row,) = rows_together(asked, peaks)
    assert (row["label"], row["dataset"], row["clips"]) == ("shout", "far", 10)
    assert row["found"]["value"] == 0.6
    assert "| shout | far | 10 | 10 | 0.60" in page([row], "One network.")


def test_what_shares_a_source_is_left_out_as_well() -> None:
    assert {item.dataset for item in kept_items(ITEMS, "far")} == {"other", "near"}
