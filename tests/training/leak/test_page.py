"""The page of the leak test says what its results say, and says so when a goal is missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import training.leak
from training.leak.page import page
from training.leak.wording import GOAL_ERROR, KNOWLEDGE

HERE = Path(training.leak.__file__).parent


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_committed_page_is_of_the_committed_results(results: dict[str, Any]) -> None:
    assert (HERE / "RESULTS.md").read_text(encoding="utf-8") == page(results)


@pytest.mark.parametrize(("value", "word"), [(GOAL_ERROR - 0.01, "missed"), (GOAL_ERROR, "met")])
def test_the_goal_is_said_to_be_met_or_missed(results: dict[str, Any], value: float, word: str) -> None:
    for known in KNOWLEDGE:
        results["rebuild"]["rows"]["wire"][known]["value"] = value
    goal = next(line for line in page(results).splitlines() if line.startswith("- **The goal"))
    assert f"is {word}**" in goal


def test_one_kind_of_knowledge_that_gets_through_is_enough_to_miss_it(results: dict[str, Any]) -> None:
    for known in KNOWLEDGE:
        results["rebuild"]["rows"]["wire"][known]["value"] = 1.0
    results["rebuild"]["rows"]["wire"]["english"]["value"] = 0.5
    assert "is missed**: below it in 1 of 3" in page(results)


def test_a_part_that_was_not_run_is_named(results: dict[str, Any]) -> None:
    del results["speakers"]
    assert "Part `speakers` has not been run." in page(results)
    assert "not measured" in page(results)
