"""A short run of the harness: kills by chance and at named points, and some faults, on a real site.

Nothing may be lost, doubled, out of order or a phantom; how fast it goes is not judged here. The long run is
`python -m tests.chaos`.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.chaos.__main__ import CELLS
from tests.chaos.cells import Cell
from tests.chaos.setup import Setup
from tests.chaos.site import Site
from tests.chaos.table import Summary, lines
from tests.chaos.trial import Trial, run_cell, run_kills

SEED = 4
KILLS = 12
ENOUGH_MIN = 10.0
FAULTS = (
    "everything killed at once",
    "gateway cut inside a packet, up",
    "writes refused",
    "hostile messages",
)


def assert_clean(trial: Trial) -> None:
    summary = Summary()
    summary.add(trial.as_json())
    told = "\n".join(lines(summary))
    assert summary.total.committed > 0, told
    assert summary.total.clean, told
    crashes = [text for text in summary.problems if "ended by itself" in text]
    assert not crashes, told


def test_no_kill_loses_or_doubles_an_alert() -> None:
    trial = run_kills(SEED, kills=KILLS, minutes=ENOUGH_MIN, setup=Setup(sensors=6))
    assert_clean(trial)
    assert trial.kills == KILLS


@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_loses_or_doubles_an_alert(name: str) -> None:
    assert_clean(run_cell(CELLS[name], SEED))


def forgetful(site: Site, _random: Random) -> None:
    """Alerts are acknowledged and queued, then broker and receiver both lose all they knew."""
    receiver = next(iter(site.receivers.values()))
    receiver.kill()
    site.committed_more(6)
    site.wait(1.0)
    site.broker_down(forget=True)
    site.delete_store(receiver.name)
    site.broker_up()
    receiver.start()


def test_a_gateway_that_trusts_its_broker_loses_and_the_harness_finds_it() -> None:
    trusting = Setup(sensors=6, keeps_state=False, confirm="puback")
    trial = run_cell(Cell("everything forgotten", forgetful, trusting), SEED, patience_s=1.0)
    account = trial.outcomes[0].account
    assert account.lost > 0, account
    assert account.committed > account.received
    assert not trial.clean


def test_there_are_many_faults() -> None:
    assert len(CELLS) >= 40
