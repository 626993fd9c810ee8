"""Several files as sensors near each other that began to listen at one instant: their incidents."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.alerts import event_id
from gateway.contract.one_sound import Trace
from gateway.contract.types import SensorContribution
from gateway.contract.vocabulary import Phase
from gateway.decisions.decider import Decision
from gateway.errors import GatewayError
from gateway.incidents.book import Incidents
from gateway.incidents.types import Heard, Telling
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file

ONE_ZONE = "replay"
"""No file says where it was recorded: all count as near each other."""


@dataclass(frozen=True, slots=True)
class Together:
    """A step of one file, and what it changes about incidents: its own telling first, then others'."""

    path: Path
    step: Analysis | Decision
    tellings: tuple[Telling, ...]


def replay_together(
    paths: Sequence[Path], setup: ReplaySetup, on_bad_file: Callable[[Path, GatewayError], None]
) -> Iterator[Together]:
    """All files at once, in order of their own time. on_bad_file: told of one that ends badly."""
    book = Incidents()
    streams = [_steps(path, setup, on_bad_file) for path in paths]
    for path, step in heapq.merge(*streams, key=lambda pair: pair[1].t_s):
        told = book.hear(_heard(path, step, setup)) if isinstance(step, Decision) else []
        yield Together(path, step, tuple(told))


def _steps(
    path: Path, setup: ReplaySetup, on_bad_file: Callable[[Path, GatewayError], None]
) -> Iterator[tuple[Path, Analysis | Decision]]:
    try:
        for step in replay_file(path, setup):
            yield path, step
    except GatewayError as problem:
        on_bad_file(path, problem)


def _heard(path: Path, decision: Decision, setup: ReplaySetup) -> Heard:
    name, calibrated = str(path), setup.full_scale_db is not None
    trace = Trace(
        event_class=decision.event_class,
        onset_s=decision.onset_s,
        until_s=decision.last_evidence_s if decision.phase is Phase.END else math.inf,
        error_s=0.0,
        lafmax_db=decision.lafmax_db,
        above_db=decision.above_ambient_db,
        calibrated=calibrated,
        lon_lat_deg=None,
        zone=ONE_ZONE,
        repeated=decision.count > 1,
    )
    contribution = SensorContribution(
        sensor_id=name,
        serial=name,
        boot_epoch=0,
        laeq_db=decision.laeq_db,
        lafmax_db=decision.lafmax_db,
        above_ambient_db=decision.above_ambient_db,
        calibrated=calibrated,
        calibration_id=None,
    )
    return Heard(
        event_id=event_id(name, 0, decision.onset_s, decision.event_class),
        source=name,
        phase=decision.phase,
        trace=trace,
        t_s=decision.t_s,
        contribution=contribution,
        doubted=decision.doubted,
    )
