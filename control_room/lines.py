"""One line of text for each thing that changed: aligned, so that an operator's eye finds what it looks for.

An alert starts with the time, then what is not real, then `>` where something begins:

    22:41:07  *TEST*      > START    HIGH    shot or bang    Market square 1   +31 dB   94 dB(A)   97 %
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from control_room.changes import (
    AlertChange,
    BadMessage,
    FaultChange,
    GatewayChange,
    SensorChange,
    SensorRemoved,
    Step,
)
from control_room.notices import Arrival
from control_room.texts import text
from gateway.contract.types import Alert, Place
from gateway.contract.vocabulary import ClockState, Lane, Presence, Priority, SensorState, Severity, Status
from gateway.contract.words import (
    class_word,
    clock_word,
    confirmed_by_word,
    end_reason_word,
    mode_word,
    phase_word,
    priority_word,
    reason_word,
    sensor_state_word,
    severity_word,
    status_word,
    veto_word,
)

PLACE_WIDTH = 26
STATUS_WIDTH = 10
_RESET = "\x1b[0m"
_SEVERITY_COLOUR = {Severity.HIGH: "\x1b[1;31m", Severity.MEDIUM: "\x1b[1;33m", Severity.LOW: "\x1b[1m"}
_LOUD, CALM, TROUBLE = "\x1b[7m", "\x1b[2m", "\x1b[1;35m"


@dataclass(frozen=True, slots=True)
class Style:
    """language: "en" or "nl"; zone: None for this machine's own time zone."""

    language: str = "en"
    colour: bool = False
    zone: tzinfo | None = None


def alert_line(change: AlertChange | Arrival, style: Style) -> str:
    """Time, status unless it is real, phase, severity, class, place, levels, score, remarks.

    The time is that of the sound: of its onset at the start, of its last evidence later.
    """
    alert, language = change.alert, style.language
    at_utc = alert.sound_onset_utc if change.step is Step.STARTED else alert.last_evidence_utc
    mark = ">" if change.step is Step.STARTED and not alert.historical else " "
    columns = _columns(
        f"{mark} {phase_word(alert.phase, language).upper()}",
        severity_word(alert.severity, language).upper(),
        class_word(alert.event_class, language),
        place_text(alert.place, alert.sensors[0].sensor_id if alert.sensors else ""),
        "-" if alert.above_ambient_db is None else f"{alert.above_ambient_db:+.0f} dB",
        f"{'' if alert.calibrated else '~'}{alert.lafmax_db:.0f} dB(A)",
        "-" if alert.score is None else f"{100 * alert.score:.0f} %",
    )
    return _line(
        clock_time(at_utc, style.zone),
        _status(alert, style),
        coloured(columns, _colour(change), style),
        ", ".join(_remarks(change, language)),
    )


def header_lines(style: Style) -> list[str]:
    """What the columns of alert_line are."""
    names = ("phase", "severity", "class", "place", "above", "level", "score")
    first, *rest = (text(name, style.language) for name in names)
    columns = _columns(f"  {first}", *rest)
    head = _line(f"{text('time', style.language):<8}", " " * STATUS_WIDTH, columns)
    return [coloured(line, CALM, style) for line in (head, text("legend", style.language))]


def gateway_line(change: GatewayChange, now: datetime, style: Style) -> str:
    status, language = change.status, style.language
    online = status.state is Presence.ONLINE
    word = text("online" if online else "offline", language)
    remarks = [_reason(status.reason, language)]
    if not online and change.sensors:
        remarks.append(text("not_heard", language, count=change.sensors))
    told = f"  {text('gateway', language):<7}  {status.site}/{status.gateway}  {word}"
    return state_line(now, coloured(told, CALM if online else TROUBLE, style), remarks, style)


def sensor_line(change: SensorChange | SensorRemoved, now: datetime, style: Style) -> str:
    language = style.language
    if isinstance(change, SensorRemoved):
        told = f"  {text('sensor', language):<7}  {change.site}/{change.gateway}/{change.sensor_id}"
        return state_line(now, f"{told}  {text('removed', language)}", [], style)
    sensor = change.availability
    good = sensor.state is SensorState.ONLINE
    word = sensor_state_word(sensor.state, language)
    told = (
        f"  {text('sensor', language):<7}  {sensor.site}/{sensor.gateway}/{sensor.sensor_id}  "
        f"{word if good else word.upper()}"
    )
    reason = (
        getattr(sensor.message, language) if sensor.message is not None else _reason(sensor.reason, language)
    )
    remarks = [reason, place_text(sensor.place, "")]
    if good and not sensor.calibrated:
        remarks.append(text("uncalibrated", language))
    return state_line(now, coloured(told, CALM if good else TROUBLE, style), remarks, style)


def fault_lines(change: FaultChange, now: datetime, style: Style) -> list[str]:
    language, health = style.language, change.health
    lines = []
    for faults, key, colour in ((change.raised, "fault", TROUBLE), (change.cleared, "fault_over", CALM)):
        for fault in faults:
            message = fault.code if fault.message is None else getattr(fault.message, language)
            told = f"  {text(key, language):<7}  {health.site}/{health.gateway}  {printable(message)}"
            lines.append(state_line(now, coloured(told, colour, style), [fault.where], style))
    return lines


def bad_line(change: BadMessage, count: int, now: datetime, style: Style) -> str:
    topic = _fitted(printable(change.topic), 60).rstrip()
    told = f"  {'?':<7}  {topic}  {text('bad', style.language, count=count)}"
    return state_line(now, coloured(told, TROUBLE, style), [change.reason], style)


def age_text(age_s: float | None, language: str) -> str:
    """How long ago, for people; None: longer than anybody knows."""
    if age_s is None:
        return text("age_unknown", language)
    if age_s < 120.0:
        return text("age_s", language, count=round(age_s))
    minutes = round(age_s / 60.0)
    if minutes < 120:
        return text("age_min", language, count=minutes)
    return text("age_h", language, hours=minutes // 60, minutes=minutes % 60)


def clock_time(utc: str, zone: tzinfo | None) -> str:
    """`22:41:07` of a contract instant, in the zone."""
    return datetime.fromisoformat(utc).astimezone(zone).strftime("%H:%M:%S")


def place_text(place: Place | None, otherwise: str) -> str:
    """Address, or zone and sensor, for a narrow column."""
    if place is not None and place.address:
        return printable(place.address)
    zone = place.zone if place is not None else None
    return printable(f"{zone} ({otherwise})" if zone and otherwise else zone or otherwise)


def printable(words: str) -> str:
    """Without control characters: what a broker sends must not steer the operator's terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _remarks(change: AlertChange | Arrival, language: str) -> list[str]:
    alert = change.alert
    remarks = [f"#{alert.event_id[:4]}"]
    if change.first and change.step is not Step.STARTED:
        remarks.append(text("joined_late", language))
    if isinstance(change, Arrival):
        marks = {"again": change.again, "asked": change.asked, "not_stored": not change.stored}
        remarks += [text(key, language) for key, holds in marks.items() if holds]
    remarks += _incident_remarks(change, language)
    if alert.count > 1:
        remarks.append(f"{alert.count} {text('times', language)}")
    if alert.end_reason is not None:
        remarks.append(end_reason_word(alert.end_reason, language))
    elif alert.place.cameras:
        remarks.append(f"{text('camera', language)} {printable(alert.place.cameras[0].camera_id)}")
    for key, outweighed in (("perhaps", False), ("meanwhile", True)):
        against = [veto_word(one.code, language) for one in alert.vetoes if one.outweighed is outweighed]
        if against:
            remarks.append(text(key, language, what=printable(" / ".join(against))))
    if alert.historical:
        remarks.append(text("historical", language, age=_alert_age(alert, language)))
    elif alert.lane is Lane.HISTORICAL:
        remarks.append(text("backlog", language))
    if not alert.durable:
        remarks.append(text("not_durable", language))
    if not alert.calibrated:
        remarks.append(text("uncalibrated", language))
    if alert.model_id is None:
        remarks.append(mode_word(alert.mode, language))
    if alert.clock.state is not ClockState.SYNCED:
        remarks.append(clock_word(alert.clock.state, language))
    return remarks


def _incident_remarks(change: AlertChange | Arrival, language: str) -> list[str]:
    """That it is confirmed and by what, and with how many sensors and gateways it is one incident."""
    step = change.incident if isinstance(change, Arrival) else None
    confirmed = step.incident if step is not None else change.alert
    remarks = []
    if confirmed.priority is Priority.GO:
        by = ", ".join(confirmed_by_word(code, language) for code in confirmed.confirmed_by)
        word = priority_word(Priority.GO, language).upper()
        remarks.append(f"{word} ({printable(by)})" if by else word)
    if step is not None and len(step.incident.events) > 1:
        name, sensors = f"#{step.incident.incident_id[:4]}", len(step.incident.sensors)
        remarks.append(text("incident", language, incident=printable(name), sensors=sensors))
        if len(step.incident.gateways) > 1:
            remarks.append(text("gateways", language, count=len(step.incident.gateways)))
    return remarks


def _alert_age(alert: Alert, language: str) -> str:
    return age_text(alert.age_s, language)


def _status(alert: Alert, style: Style) -> str:
    """Empty when it is real and new: what is not must jump out of its line."""
    if alert.status is not Status.ACTUAL:
        word = status_word(alert.status, style.language).upper()
    elif alert.historical:
        word = text("old", style.language)
    else:
        return " " * STATUS_WIDTH
    return coloured(f"*{word}*".ljust(STATUS_WIDTH), _LOUD, style)


def _columns(*cells: str) -> str:
    """Phase, severity, class and place to the left, level above background, level and score to the right."""
    phase, severity, event_class, place, above, level, score = cells
    fitted = f"{phase:<9}  {severity:<6}  {event_class:<14}  {_fitted(place, PLACE_WIDTH)}"
    return f"{fitted}  {above:>7}  {level:>10}  {score:>5}"


def _colour(change: AlertChange | Arrival) -> str:
    return CALM if change.step is Step.ENDED else _SEVERITY_COLOUR[change.alert.severity]


def coloured(words: str, colour: str, style: Style) -> str:
    return f"{colour}{words}{_RESET}" if style.colour else words


def _fitted(words: str, width: int) -> str:
    return words.ljust(width) if len(words) <= width else words[: width - 1] + "~"


def state_line(now: datetime, told: str, remarks: list[str], style: Style) -> str:
    at = now.astimezone(style.zone).strftime("%H:%M:%S")
    return _line(at, " " * STATUS_WIDTH, told, ", ".join(printable(remark) for remark in remarks if remark))


def _line(*parts: str) -> str:
    return "  ".join(part for part in parts if part).rstrip()


def _reason(reason: str | None, language: str) -> str:
    return "" if reason is None else reason_word(reason, language)
