"""What a revision of an event means to somebody who knows an earlier one. Pure.

An event is known by its highest revision; a revision that is not higher changes nothing, and an end is final.
An end closes whatever its revision: a gateway that could not store its last revisions counts on from an
earlier one when it closes the event after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass

from control_room.changes import Ignored, Step
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Phase

STEPS = {Phase.START: Step.STARTED, Phase.UPDATE: Step.UPDATED, Phase.END: Step.ENDED}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an event: its highest revision, and whether it has ended."""

    revision: int
    ended: bool


def judge(alert: Alert, known: Known | None) -> Step | Ignored:
    """How this revision moves the event on, or why it does not. known: None when it is first met."""
    if known is None or (alert.phase is Phase.END and not known.ended):
        return STEPS[alert.phase]
    if alert.revision <= known.revision:
        return Ignored.REPEATED if alert.revision == known.revision else Ignored.LATE
    return Ignored.AFTER_END if known.ended else STEPS[alert.phase]
