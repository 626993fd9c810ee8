"""A general tagger's classes as alarms of ours."""

from __future__ import annotations

import numpy as np
import pytest

from training.bench.detector import CLASSES
from training.rivals.alarm_classes import ALARM_CLASSES, alarm_scores, columns_of

NAMES = ["Speech", "Children shouting", *(name for names in ALARM_CLASSES.values() for name in names)]


def test_the_highest_tag_of_a_class_is_its_score() -> None:
    tags = np.zeros((2, len(NAMES)), dtype=np.float32)
    tags[0, NAMES.index("Yell")] = 0.4
    tags[0, NAMES.index("Shout")] = 0.3
    tags[1, NAMES.index("Boom")] = 0.9
    scores = alarm_scores(tags, columns_of(NAMES))
    assert scores[0, CLASSES.index("shout")] == np.float32(0.4)
    assert scores[1, CLASSES.index("gunshot")] == np.float32(0.9)
    assert scores.sum() == pytest.approx(1.3)


def test_children_shouting_is_no_alarm() -> None:
    tags = np.zeros((1, len(NAMES)), dtype=np.float32)
    tags[0, NAMES.index("Children shouting")] = 1.0
    assert alarm_scores(tags, columns_of(NAMES)).max() == 0.0


def test_a_tagger_without_a_class_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no class Screaming"):
        columns_of([name for name in NAMES if name != "Screaming"])
