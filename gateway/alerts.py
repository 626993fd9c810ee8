"""Step 10 of the route: a decision about one sensor's sound becomes the alert that the contract describes.

Pure: what only the moment of sending knows (`published_utc`, `seq`, lane) is put in by `with_published`.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from dsp.layout import SAMPLE_RATE_HZ
from gateway.contract.instants import utc_text
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import (
    Alert,
    Clock,
    Place,
    RunnerUp,
    SensorContribution,
    Timeline,
    TimelineRival,
    Veto,
    replace,
)
from gateway.contract.vocabulary import (
    PATH_TEST,
    SCHEMA_VERSION,
    ClockState,
    EndReason,
    Lane,
    Mode,
    Phase,
    Priority,
    Severity,
    Status,
)
from gateway.decisions.types import Decision, EventTimeline


@dataclass(frozen=True, slots=True)
class SensorContext:
    """What is known of the sensor that a decision is about.

    epoch: its boot epoch. calibration_id: None while it is uncalibrated. model_id: None in level-only mode.
    """

    sensor_id: str
    serial: str
    epoch: int
    place: Place
    calibration_id: str | None
    mode: Mode
    model_id: str | None


@dataclass(frozen=True, slots=True)
class StreamClock:
    """How a sensor's stream clock lies in UTC, as best known now.

    zero_utc_s: UTC (seconds since 1970) of stream time 0, the sensor's boot. error_ms: None if nobody knows.
    """

    zero_utc_s: float
    state: ClockState
    error_ms: float | None

    def utc(self, stream_s: float) -> str:
        return utc_text(self.zero_utc_s + stream_s)

    def quality(self) -> Clock:
        return clock_of(self.state, self.error_ms)


class AlertFactory:
    """Makes the alerts of one run of one gateway. Raises ValueError for ids that a topic must not carry."""

    def __init__(self, site: str, gateway: str, boot_id: str, status: Status = Status.ACTUAL) -> None:
        self.topics = TopicBuilder(site, gateway)
        self._boot_id = boot_id
        self.status = status

    def alert(self, decision: Decision, sensor: SensorContext, clock: StreamClock) -> Alert:
        """The alert of one revision; the same decision gives the same event id and revision at any time."""
        above_db = _decibel(decision.above_ambient_db)
        heard = SensorContribution(
            sensor_id=sensor.sensor_id,
            serial=sensor.serial,
            boot_epoch=sensor.epoch,
            laeq_db=_rounded(decision.laeq_db, 1),
            lafmax_db=_rounded(decision.lafmax_db, 1),
            above_ambient_db=above_db,
            calibrated=sensor.calibration_id is not None,
            calibration_id=sensor.calibration_id,
        )
        return Alert(
            schema=SCHEMA_VERSION,
            event_id=event_id(sensor.serial, sensor.epoch, decision.onset_s, decision.event_class),
            revision=decision.revision,
            incident_id=None,
            site=self.topics.site,
            gateway=self.topics.gateway,
            boot_id=self._boot_id,
            seq=None,
            lane=Lane.LIVE,
            status=self.status,
            phase=decision.phase,
            priority=Priority.LOOK,
            event_class=decision.event_class,
            severity=decision.severity,
            score=None if decision.score is None else _rounded(decision.score, 4),
            runners_up=tuple(
                RunnerUp(event_class=label, score=_rounded(score, 4)) for label, score in decision.runners_up
            ),
            count=decision.count,
            end_reason=None if decision.end_reason is None else decision.end_reason.value,
            laeq_db=heard.laeq_db,
            lafmax_db=heard.lafmax_db,
            above_ambient_db=above_db,
            calibrated=heard.calibrated,
            calibration_id=heard.calibration_id,
            sound_onset_utc=clock.utc(decision.onset_s),
            last_evidence_utc=clock.utc(decision.last_evidence_s),
            detected_utc=clock.utc(decision.t_s),
            published_utc=None,
            clock=clock.quality(),
            place=sensor.place,
            sensors=(heard,),
            vetoes=tuple(Veto(code=code, outweighed=not decision.doubted) for code in decision.vetoes),
            mode=sensor.mode,
            model_id=sensor.model_id,
            above_usual_db=_decibel(decision.above_usual_db),
            timeline=None if decision.timeline is None else _timeline(decision.timeline, clock),
        )

    def orphan_end(self, open_alert: Alert, reason: EndReason, utc_s: float, clock: Clock) -> Alert:
        """The end of an event whose decider is gone (a restart), from its last stored revision.

        utc_s: now, seconds since 1970; clock: how good that is.
        """
        return replace(
            open_alert,
            revision=open_alert.revision + 1,
            phase=Phase.END,
            end_reason=reason.value,
            boot_id=self._boot_id,
            seq=None,
            lane=Lane.LIVE,
            detected_utc=utc_text(utc_s),
            published_utc=None,
            clock=clock,
        )

    def path_test(self, name: str, utc_s: float, clock: Clock) -> tuple[Alert, Alert]:
        """Start and end of a test alert: no sound, no place, and never real. name: unique to this test.

        utc_s: now, seconds since 1970; clock: how good that is.
        """
        now = utc_text(utc_s)
        start = Alert(
            schema=SCHEMA_VERSION,
            event_id=event_id(name, 0, 0.0, PATH_TEST),
            revision=0,
            incident_id=None,
            site=self.topics.site,
            gateway=self.topics.gateway,
            boot_id=self._boot_id,
            seq=None,
            lane=Lane.LIVE,
            status=Status.TEST,
            phase=Phase.START,
            priority=Priority.LOOK,
            event_class=PATH_TEST,
            severity=Severity.LOW,
            score=None,
            runners_up=(),
            count=1,
            end_reason=None,
            laeq_db=0.0,
            lafmax_db=0.0,
            above_ambient_db=None,
            calibrated=False,
            calibration_id=None,
            sound_onset_utc=now,
            last_evidence_utc=now,
            detected_utc=now,
            published_utc=None,
            clock=clock,
            place=Place(point=None, zone=None, address=None, cameras=()),
            sensors=(),
            vetoes=(),
            mode=Mode.FULL,
            model_id=None,
        )
        end = replace(start, revision=1, phase=Phase.END, end_reason=EndReason.CLEARED.value)
        return start, end

    def topic(self, alert: Alert) -> str:
        """Where it is published. An orphan's end goes where its start went, whatever the settings say now."""
        return TopicBuilder(alert.site, alert.gateway).event(alert.event_class)


def event_id(serial: str, epoch: int, onset_s: float, event_class: str) -> str:
    """32 hex digits from what makes an event this one; the same whenever the same sound is decided again."""
    onset_sample = round(onset_s * SAMPLE_RATE_HZ)
    name = f"{serial}|{epoch}|{onset_sample}|{event_class}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def with_published(
    alert: Alert,
    utc_s: float,
    *,
    seq: int | None,
    lane: Lane,
    numbering: str | None,
    historical: bool,
    age_s: float | None,
    durable: bool = True,
) -> Alert:
    """The alert as it leaves. utc_s: now, seconds since 1970; seq: its place in its lane's sequence."""
    return replace(
        alert,
        published_utc=utc_text(utc_s),
        seq=seq,
        lane=lane,
        numbering=numbering,
        historical=historical,
        age_s=None if age_s is None else round(age_s, 3),
        durable=durable,
    )


def clock_of(state: ClockState, error_ms: float | None) -> Clock:
    """Clock quality for a payload; a fraction of a millisecond counts as a whole one."""
    return Clock(state=state, error_ms=None if error_ms is None else math.ceil(error_ms))


def _timeline(heard: EventTimeline, clock: StreamClock) -> Timeline:
    """Two decimals of a score and one of a level: at most 4 kB."""
    rival = None
    if heard.rival is not None:
        scores = tuple(_rounded(score, 2) for score in heard.rival_scores)
        rival = TimelineRival(event_class=heard.rival, scores=scores)
    return Timeline(
        start_utc=clock.utc(heard.start_s),
        step_s=_rounded(heard.step_s, 4),
        scores=tuple(_rounded(score, 2) for score in heard.scores),
        laeq_db=tuple(_rounded(level_db, 1) for level_db in heard.laeq_db),
        missing=heard.missing,
        rival=rival,
    )


def _decibel(level_db: float | None) -> float | None:
    return None if level_db is None else _rounded(level_db, 1)


def _rounded(value: float, digits: int) -> float:
    return round(float(value), digits)
