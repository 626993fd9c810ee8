"""What gateway and receivers say to each other beside alerts, and the hourly and periodic reports."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.contract.alert import Alert
from gateway.contract.parts import (
    Clock,
    Count,
    Decibel,
    EventId,
    Id,
    Numbering,
    Part,
    Positive,
    SchemaVersion,
    Text,
    Transaction,
    Utc,
)
from gateway.contract.vocabulary import (
    Lane,
    Result,
)


class Heartbeat(Part, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """Every interval_s, not retained: three missed ones mean that the gateway is not heard.

    live_seq, historical_seq: the last number given in each lane, so that a missing last alert shows too.
    """

    schema: SchemaVersion
    site: Id
    gateway: Id
    boot_id: Id
    beat: Count
    interval_s: Annotated[float, Meta(ge=0.1)]
    numbering: Numbering
    live_seq: Count
    historical_seq: Count
    published_utc: Utc
    clock: Clock


class Received(Part, frozen=True, kw_only=True):
    """One revision of one event, safe in the receiver's own store."""

    event_id: EventId
    revision: Count


class Receipt(Part, frozen=True, kw_only=True, tag_field="type", tag="receipt"):
    """A receiver's word to one gateway: it has these revisions; beat: it heard this heartbeat."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    receiver: Id
    received: tuple[Received, ...]
    beat: Count | None = None


class Request(Part, frozen=True, kw_only=True, tag_field="type", tag="request"):
    """A receiver asks one gateway; the command is in the topic. The answer repeats `transaction`.

    resend needs numbering, lane, first_seq and last_seq (inclusive); confirm needs event_id, any event of the
    incident that a person confirms; open and test need none of them.
    """

    schema: SchemaVersion
    site: Id
    gateway: Id
    receiver: Id
    transaction: Transaction
    numbering: Numbering | None = None
    lane: Lane | None = None
    first_seq: Positive | None = None
    last_seq: Positive | None = None
    event_id: EventId | None = None


class Response(Part, frozen=True, kw_only=True, tag_field="type", tag="response"):
    """The answer to one request, in `parts` messages (part counts from 1).

    open: `alerts` are the latest revisions of the events that are open now, and nothing else. resend:
    `resent` come again on their own topics, `gone` are no longer kept. message: why it was refused.
    """

    schema: SchemaVersion
    site: Id
    gateway: Id
    receiver: Id
    transaction: Transaction
    result: Result
    part: Positive
    parts: Positive
    alerts: tuple[Alert, ...] = ()
    resent: Count = 0
    gone: Count = 0
    message: Text | None = None


class HourCoverage(Part, frozen=True, kw_only=True):
    """Seconds of one hour in which one sensor's sound was analysed."""

    sensor_id: Id
    analysed_s: Annotated[float, Meta(ge=0.0, le=3600.0)]


class CoverageReport(Part, frozen=True, kw_only=True, tag_field="type", tag="coverage_report"):
    """One hour, not retained. A sensor that is bound and heard nothing has 0."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    hour_utc: Utc
    clock: Clock
    sensors: tuple[HourCoverage, ...]


class PeriodLevel(Part, frozen=True, kw_only=True):
    sensor_id: Id
    laeq_db: Decibel
    lafmax_db: Decibel
    ambient_db: Decibel | None
    calibrated: bool


class LevelReport(Part, frozen=True, kw_only=True, tag_field="type", tag="level_report"):
    """Levels of all sensors over one period, not retained: the history that retained levels do not keep."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    start_utc: Utc
    period_s: Annotated[float, Meta(ge=1.0)]
    clock: Clock
    sensors: tuple[PeriodLevel, ...]
