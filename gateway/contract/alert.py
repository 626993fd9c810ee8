"""The alert: one revision of one event."""

from __future__ import annotations

from msgspec import field

from gateway.contract.parts import (
    Clock,
    Code,
    Count,
    Decibel,
    EventId,
    Id,
    Numbering,
    Part,
    Place,
    Position,
    Positive,
    RunnerUp,
    SchemaVersion,
    Seconds,
    SensorContribution,
    Share,
    Timeline,
    Utc,
    Veto,
)
from gateway.contract.vocabulary import (
    Lane,
    Mode,
    Phase,
    Priority,
    Severity,
    Status,
)


class Alert(Part, frozen=True, kw_only=True, tag_field="type", tag="alert"):
    """One revision of one event. `event_id` and `revision` together name it; revisions only go up.

    seq, age_s and published_utc belong to the sending: null while the revision waits on the gateway's disk.
    On the wire seq is null only when `durable` is false (not stored, so not numbered). numbering names the
    store that counted seq. historical: it waited too long to ring as new, age_s says how long (null: nobody
    knows, it is of an earlier boot).

    incident_id: events with the same one (or with it among their incident_aliases, the names that it had
    before) are one incident. position: where, once two sensors heard it; place stays this sensor's own.
    """

    schema: SchemaVersion
    event_id: EventId
    revision: Count
    incident_id: str | None
    site: Id
    gateway: Id
    boot_id: Id
    seq: Count | None
    lane: Lane
    status: Status
    phase: Phase
    priority: Priority
    event_class: Code = field(name="class")
    severity: Severity
    score: Share | None
    runners_up: tuple[RunnerUp, ...]
    count: Positive
    end_reason: Code | None
    laeq_db: Decibel
    lafmax_db: Decibel
    above_ambient_db: Decibel | None
    calibrated: bool
    calibration_id: str | None
    sound_onset_utc: Utc
    last_evidence_utc: Utc
    detected_utc: Utc
    published_utc: Utc | None
    clock: Clock
    place: Place
    sensors: tuple[SensorContribution, ...]
    vetoes: tuple[Veto, ...]
    mode: Mode
    model_id: str | None
    durable: bool = True
    numbering: Numbering | None = None
    historical: bool = False
    age_s: Seconds | None = None
    above_usual_db: Decibel | None = None
    timeline: Timeline | None = None
    incident_aliases: tuple[EventId, ...] = ()
    confirmed_by: tuple[Code, ...] = ()
    position: Position | None = None
    prev_hash: str | None = None
    sig: str | None = None
