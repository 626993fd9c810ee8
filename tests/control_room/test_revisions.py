"""What a revision means to somebody who knows an earlier one."""

from __future__ import annotations

import pytest

from control_room.changes import Ignored, Step, may_ring
from control_room.revisions import Known, judge
from gateway.contract.vocabulary import Phase, Status
from tests.support.alerts import alert

OPEN_AT_2, ENDED_AT_2 = Known(2, ended=False), Known(2, ended=True)


@pytest.mark.parametrize(
    ("revision", "phase", "known", "meaning"),
    [
        (0, Phase.START, None, Step.STARTED),
        (5, Phase.UPDATE, None, Step.UPDATED),
        (7, Phase.END, None, Step.ENDED),
        (3, Phase.UPDATE, OPEN_AT_2, Step.UPDATED),
        (3, Phase.END, OPEN_AT_2, Step.ENDED),
        (2, Phase.UPDATE, OPEN_AT_2, Ignored.REPEATED),
        (1, Phase.UPDATE, OPEN_AT_2, Ignored.LATE),
        (0, Phase.START, OPEN_AT_2, Ignored.LATE),
        (2, Phase.END, ENDED_AT_2, Ignored.REPEATED),
        (1, Phase.UPDATE, ENDED_AT_2, Ignored.LATE),
        (1, Phase.END, ENDED_AT_2, Ignored.LATE),
        (3, Phase.UPDATE, ENDED_AT_2, Ignored.AFTER_END),
        (3, Phase.END, ENDED_AT_2, Ignored.AFTER_END),
    ],
)
def test_meanings(revision: int, phase: Phase, known: Known | None, meaning: Step | Ignored) -> None:
    assert judge(alert(1, revision, phase), known) is meaning


@pytest.mark.parametrize("revision", [0, 1, 2])
def test_an_end_closes_also_when_its_gateway_counts_on_from_an_earlier_revision(revision: int) -> None:
    """It could not store its last revisions before it crashed: they were sent, and are known here."""
    assert judge(alert(1, revision, Phase.END, end_reason="gateway_restarted"), OPEN_AT_2) is Step.ENDED


def test_only_what_is_real_and_not_old_rings() -> None:
    assert may_ring(alert(1))
    assert not may_ring(alert(1, 1, Phase.END))
    assert may_ring(alert(1, 1, Phase.END), first=True), "its start was lost: this is the news"
    assert not may_ring(alert(1, historical=True))
    assert not may_ring(alert(1, status=Status.TEST))
    assert not may_ring(alert(1, status=Status.EXERCISE))
