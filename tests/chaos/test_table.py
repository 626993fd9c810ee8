"""Results of many runs become one table, and nothing that went wrong is left out of it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from tests.chaos.accounts import Account
from tests.chaos.hearing import Hearing
from tests.chaos.kills import BROKER, MOMENTS, RECEIVER, plan
from tests.chaos.site import GATEWAY
from tests.chaos.table import lines, main, read
from tests.chaos.trial import Outcome, Trial


def trial(seed: int, **account: int) -> Trial:
    told = Account(committed=10, received=10, slowest_s=float(seed), **account)
    one = Trial("kills", seed, [Outcome("kill gateway: any time", 3, told)], Hearing(sounds=5, heard=5))
    one.kills = 3
    return one


def written(folder: Path, *trials: Trial) -> Path:
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(one.as_json()) + "\n" for one in trials))
    return path


def test_runs_are_added_up(tmp_path: Path) -> None:
    path = written(tmp_path, trial(1), trial(2), trial(3), trial(9))
    summary = read([path])
    assert summary.clean
    assert (summary.kills, summary.total.committed) == (12, 40)
    text = "\n".join(lines(summary))
    assert "seeds 1-3, 9" in text
    assert "kills 12" in text
    (row,) = [line for line in text.splitlines() if line.startswith("kill gateway")]
    assert row.split()[4:10] == ["12", "40", "40", "0", "0", "0"]
    assert "9.0" in row
    assert main([str(path)]) == 0


@pytest.mark.parametrize("what", ["lost", "doubled", "out_of_order", "phantom", "unshown"])
def test_one_bad_alert_in_any_run_spoils_the_verdict(tmp_path: Path, what: str) -> None:
    path = written(tmp_path, trial(1), trial(2, **{what: 1}), trial(3))
    assert not read([path]).clean
    assert main([str(path)]) == 1


def test_problems_and_missed_sounds_spoil_it_too(tmp_path: Path) -> None:
    crashed, deaf, wrong = trial(1), trial(2), trial(3)
    crashed.problems.append("gateway ended by itself with code 1")
    deaf.hearing.missed = 1
    wrong.outcomes[0].problems.append("nothing arrived")
    for one in (crashed, deaf, wrong):
        assert not one.clean
        summary = read([written(tmp_path, one)])
        assert not summary.clean
    assert "! gateway ended by itself" in "\n".join(lines(read([written(tmp_path, crashed)])))


def test_a_plan_of_kills_is_by_its_seed_fair_and_knows_all_moments() -> None:
    first, again = (list(islice(plan(Random(seed)), 3000)) for seed in (1, 1))
    assert first == again
    assert first != list(islice(plan(Random(2)), 3000))
    for place in range(0, 3000, 3):
        assert {one.victim for one in first[place : place + 3]} == {GATEWAY, BROKER, RECEIVER}
    assert {one.moment for one in first if one.moment is not None} == set(MOMENTS)
    assert all(one.moment is None or one.moment.victim == one.victim for one in first)
    assert {one.forget for one in first if one.victim == BROKER} == {True, False}
    assert sum(one.starting for one in first) > 100
