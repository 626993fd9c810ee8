"""Rules keep their bounds, and rank sounds as they say."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.contract.vocabulary import EventClass, Severity
from gateway.decisions.rules import DEFAULT_RULES, ClassRule, loud_rule, rules_for


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("on_score", 0.0),
        ("on_score", 1.01),
        ("off_score", 0.7),
        ("off_score", 0.0),
        ("window_s", 0.05),
        ("window_s", 10.5),
        ("required_s", -0.1),
        ("required_s", 1.6),
        ("hold_s", 0.9),
        ("hold_s", 601.0),
        ("min_level_db", -1.0),
        ("min_level_db", 141.0),
        ("min_above_ambient_db", -21.0),
        ("min_above_ambient_db", 61.0),
        ("medium_above_db", 20.5),
        ("high_above_db", 101.0),
        ("medium_level_db", 86.0),
        ("high_level_db", 161.0),
        ("refractory_s", 0.0),
        ("refractory_s", math.nan),
        ("hold_s", math.inf),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(name: str, value: float) -> None:
    values: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match="must be between"):
        ClassRule(**values)


@pytest.mark.parametrize(
    ("above_ambient_db", "severity"),
    [(-5.0, "low"), (11.9, "low"), (12.0, "medium"), (19.9, "medium"), (20.0, "high"), (60.0, "high")],
)
def test_severity_by_level_above_the_background(above_ambient_db: float, severity: str) -> None:
    assert ClassRule().severity(40.0, above_ambient_db) == severity


@pytest.mark.parametrize(("lafmax_db", "severity"), [(74.9, "low"), (75.0, "medium"), (85.0, "high")])
def test_severity_by_level_while_the_background_is_unknown(lafmax_db: float, severity: str) -> None:
    assert ClassRule().severity(lafmax_db, None) == severity


def test_severity_is_never_below_the_floor_of_the_class() -> None:
    assert ClassRule(floor_severity=Severity.HIGH).severity(50.0, 0.0) is Severity.HIGH
    assert ClassRule(floor_severity=Severity.MEDIUM).severity(50.0, 30.0) is Severity.HIGH


def test_a_models_threshold_takes_the_hysteresis_along() -> None:
    rule = ClassRule(on_score=0.6, off_score=0.3).with_threshold(0.2)
    assert (rule.on_score, rule.off_score) == (0.2, pytest.approx(0.1))
    tiny = ClassRule().with_threshold(0.001)
    assert tiny.off_score == 0.001
    rules = rules_for({"shout": 0.8, "unheard_of": 0.1})
    assert rules["shout"].on_score == 0.8
    assert rules["scream"] == DEFAULT_RULES["scream"]
    assert set(rules) == set(DEFAULT_RULES)


def test_loud_is_off_by_default_and_a_rule_of_its_own() -> None:
    assert set(DEFAULT_RULES) == {c.value for c in EventClass} - {"loud"}
    rule = loud_rule(85.0, 600.0)
    assert rule.by_level
    assert rule.window_s == 750.0
    with pytest.raises(ValueError, match="min_level_db"):
        loud_rule(200.0, 10.0)
