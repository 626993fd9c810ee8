from __future__ import annotations

from dataclasses import replace

from firmware_bridge.events import (
    CalibrationReceived,
    FeatureFrame,
    LostReason,
    RefusedReason,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.messages import CalibrationReport, Features, Hello
from gateway.calibration.check import Accepted, RefusalReason, Refused
from gateway.calibration.session import PATIENCE_S, CalibrationSession

HELLO = Hello("AS-1", "hw", "fw", 1, 12_000, 48_000, 6_000)
REPORT = CalibrationReport(
    hop_index=80,
    frequency_dhz=10_000,
    level_cdb=-2_750,
    distortion_cpct=40,
    stability_mdb=10,
    averaging_ms=1000,
)


def frame(hop_index: int, serial: str = "AS-1", laeq_cdb: int = -2_750) -> FeatureFrame:
    features = Features(hop_index, laeq_cdb, laeq_cdb, 0, 0, 0, 0, 0, 0, bytes(24))
    return FeatureFrame(serial, 1, hop_index, hop_index, features, 0.0, 0.0, 0.0)


def ready(serial: str = "AS-1") -> SensorReady:
    return SensorReady(replace(HELLO, serial=serial), 1, 0.0)


def report(second: int, serial: str = "AS-1", **changes: int) -> CalibrationReceived:
    return CalibrationReceived(serial, replace(REPORT, hop_index=80 + second * 8, **changes), 1, 0.0)


def heard(seconds: int, **changes: int) -> CalibrationSession:
    session = CalibrationSession("AS-1")
    session.take(ready())
    for second in range(seconds):
        session.take(frame(80 + second * 8))
        session.take(report(second, **changes))
    return session


def refusal(session: CalibrationSession) -> RefusalReason:
    verdict = session.verdict()
    assert isinstance(verdict, Refused)
    return verdict.reason


def test_from_hello_to_offset() -> None:
    session = heard(5)
    assert session.level_db == 92.5
    outcome = session.outcome()
    assert isinstance(outcome, Accepted)
    assert outcome.offset_db == 1.5


def test_nothing_is_known_before_the_hello() -> None:
    session = CalibrationSession("AS-1")
    session.take(frame(1))
    session.take(report(1))
    assert session.level_db is None
    assert refusal(session) is RefusalReason.NO_TONE
    assert session.outcome() is None


def test_other_sensors_are_noted_and_do_not_count() -> None:
    session = CalibrationSession("AS-1")
    session.take(ready("AS-2"))
    for second in range(6):
        session.take(report(second, "AS-2"))
    session.take(ready())
    session.take(SensorLost("AS-2", LostReason.SILENT, 0.0))
    assert session.others == {"AS-2"}
    assert session.hello == HELLO
    assert refusal(session) is RefusalReason.NO_TONE


def test_a_sensor_that_cannot_be_used() -> None:
    session = CalibrationSession("AS-1")
    session.take(SensorRefused("AS-2", RefusedReason.UNKNOWN_LAYOUT, "update the gateway", 0.0))
    assert session.refused is None
    session.take(SensorRefused("AS-1", RefusedReason.UNKNOWN_LAYOUT, "update the gateway", 0.0))
    assert session.refused == "update the gateway"


def test_a_loss_or_a_new_boot_begins_anew() -> None:
    for interruption in ([SensorLost("AS-1", LostReason.SILENT, 0.0), ready()], [ready()]):
        session = heard(4)
        for event in interruption:
            session.take(event)
        session.take(report(5))
        assert refusal(session) is RefusalReason.TOO_SHORT


def test_a_tone_that_ended_is_no_tone() -> None:
    session = heard(4)
    session.take(frame(80 + 4 * 8 + 30))
    assert refusal(session) is RefusalReason.NO_TONE


def test_patience_ends_with_a_refusal() -> None:
    short = heard(int(PATIENCE_S) - 1, stability_mdb=300)
    assert short.outcome() is None
    long = heard(int(PATIENCE_S), stability_mdb=300)
    assert long.outcome() == Refused(RefusalReason.UNSTABLE, 0.3)
