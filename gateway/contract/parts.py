"""The parts that payloads of contract version 1 are made of: bounds, units, and what several payloads share.

Fields without a default are always sent (null where they do not apply). Fields with a default are optional:
left out while they hold it, and a receiver must not need them. Units are in the names; every `_utc` is
RFC 3339 in UTC with milliseconds; every level is dB re 20 uPa, nominal while `calibrated` is false.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field, structs

from gateway.contract.vocabulary import ClockState

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
EventId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
SchemaVersion = Annotated[str, Meta(pattern=r"^1\.[0-9]{1,4}$")]
Utc = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Numbering = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
Transaction = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Epoch = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Decibel = Annotated[float, Meta(ge=-200.0, le=250.0)]
Seconds = Annotated[float, Meta(ge=0.0)]
Metres = Annotated[float, Meta(ge=0.0)]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
Latitude = Annotated[float, Meta(ge=-90.0, le=90.0)]


replace = structs.replace
"""`replace(payload, field=value)`: a payload like this one but for some fields."""


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all parts; unknown fields are ignored when read."""


class Clock(Part, frozen=True, kw_only=True):
    """How far the `_utc` fields can be trusted; `error_ms` is null when nobody can say.

    corrected_ms: the clock was put right after this was stored, and its times were moved by so much (signed).
    """

    state: ClockState
    error_ms: Count | None
    corrected_ms: int | None = None


class Point(Part, frozen=True, kw_only=True, tag_field="type", tag="Point"):
    """GeoJSON point (RFC 7946): longitude, latitude."""

    coordinates: tuple[Longitude, Latitude]


class Camera(Part, frozen=True, kw_only=True):
    camera_id: str
    distance_m: Seconds | None = None


class Place(Part, frozen=True, kw_only=True):
    """Where the sensor hangs, as the settings say; cameras nearest first."""

    point: Point | None
    zone: str | None
    address: str | None
    cameras: tuple[Camera, ...]


class RunnerUp(Part, frozen=True, kw_only=True):
    """What else it could have been, at the moment of the best score."""

    event_class: Code = field(name="class")
    score: Share


class SensorContribution(Part, frozen=True, kw_only=True):
    """One sensor that heard the incident; the first in the list raised this event.

    The optional fields come once two sensors heard it. arrival: 1 for whom the sound reached first, and
    after_first_ms: how much later it began here, by the clock of who says so. loudest: the highest LAFmax of
    all. event_id, event_class: what this sensor made of it. gateway: whose sensor, left out for one's own.
    """

    sensor_id: Id
    serial: str
    boot_epoch: Epoch
    laeq_db: Decibel
    lafmax_db: Decibel
    above_ambient_db: Decibel | None
    calibrated: bool
    calibration_id: str | None
    gateway: Id | None = None
    event_id: EventId | None = None
    event_class: Code | None = field(name="class", default=None)
    arrival: Positive | None = None
    after_first_ms: Count | None = None
    loudest: bool = False


class Position(Part, frozen=True, kw_only=True):
    """Roughly where an incident is, by how loud it was at sensors that know where they hang."""

    point: Point
    within_m: Metres


class Veto(Part, frozen=True, kw_only=True):
    """Something that spoke against the event and was weighed; never a silent drop.

    outweighed: the event is clear enough to stand in spite of it, so that it casts no doubt.
    """

    code: Code
    outweighed: bool = False


class Text(Part, frozen=True, kw_only=True):
    """One text for people, in both languages of the product."""

    en: str
    nl: str


class TimelineRival(Part, frozen=True, kw_only=True):
    """What else it could have been, step by step."""

    event_class: Code = field(name="class")
    scores: tuple[Share, ...]


class Timeline(Part, frozen=True, kw_only=True):
    """Score and level around the event, at most ten steps a second; no sound.

    scores: of the event's class, laeq_db: dB(A), one each step of step_s from start_utc on. missing: steps
    that were not heard; their values repeat the step before and mean nothing. rival: the best other label.
    """

    start_utc: Utc
    step_s: Annotated[float, Meta(ge=0.1)]
    scores: tuple[Share, ...]
    laeq_db: tuple[Decibel, ...]
    missing: tuple[Count, ...] = ()
    rival: TimelineRival | None = None
