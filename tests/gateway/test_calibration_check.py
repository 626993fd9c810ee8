from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_bridge.messages import CalibrationReport
from gateway.calibration.check import Accepted, RefusalReason, Refused, judge

HOP_S = 0.125
HOPS_PER_REPORT = 8
FULL_SCALE_DB = 120.0


def reports(
    count: int = 6,
    *,
    spl_db: float = 94.0,
    first_hop: int = 1000,
    frequency_hz: float = 1000.0,
    distortion_percent: float = 0.4,
    stability_db: float = 0.01,
    averaging_s: float = 1.0,
) -> list[CalibrationReport]:
    return [
        CalibrationReport(
            hop_index=first_hop + index * HOPS_PER_REPORT,
            frequency_dhz=round(frequency_hz * 10),
            level_cdb=round((spl_db - FULL_SCALE_DB) * 100),
            distortion_cpct=round(distortion_percent * 100),
            stability_mdb=round(stability_db * 1000),
            averaging_ms=round(averaging_s * 1000),
        )
        for index in range(count)
    ]


def verdict(series: list[CalibrationReport], reference_db: float | None = None) -> Accepted | Refused:
    return judge(series, full_scale_db=FULL_SCALE_DB, hop_s=HOP_S, reference_db=reference_db)


def refusal(series: list[CalibrationReport], reference_db: float | None = None) -> Refused:
    found = verdict(series, reference_db)
    assert isinstance(found, Refused), found
    return found


@pytest.mark.parametrize("nominal_db", [94.0, 114.0])
@pytest.mark.parametrize("microphone_db", [-6.0, -5.9, -1.25, 0.0, 0.04, 3.0, 6.0])
def test_the_level_is_recognised_and_the_offset_undoes_the_microphone(
    nominal_db: float, microphone_db: float
) -> None:
    found = verdict(reports(spl_db=nominal_db + microphone_db))
    assert isinstance(found, Accepted)
    assert found.reference_db == nominal_db
    assert found.offset_db == pytest.approx(-microphone_db, abs=0.005)
    assert found.tone_db + FULL_SCALE_DB + found.offset_db == pytest.approx(nominal_db)
    assert found.span_s == 5.0


def test_a_level_from_the_certificate_is_taken_as_it_is() -> None:
    found = verdict(reports(spl_db=94.0), reference_db=93.96)
    assert isinstance(found, Accepted)
    assert found.offset_db == pytest.approx(-0.04, abs=1e-9)


def test_no_tone() -> None:
    assert refusal([]).reason is RefusalReason.NO_TONE


@pytest.mark.parametrize(
    ("frequency_hz", "fits"), [(990.0, True), (1010.0, True), (989.9, False), (1010.1, False)]
)
def test_frequency_within_one_percent(frequency_hz: float, fits: bool) -> None:
    found = verdict(reports(frequency_hz=frequency_hz))
    if fits:
        assert isinstance(found, Accepted)
    else:
        assert found == Refused(RefusalReason.WRONG_FREQUENCY, frequency_hz)


@pytest.mark.parametrize(("distortion_percent", "fits"), [(3.0, True), (3.01, False)])
def test_distortion_of_at_most_three_percent(distortion_percent: float, fits: bool) -> None:
    found = verdict(reports(distortion_percent=distortion_percent))
    assert isinstance(found, Accepted) if fits else found == Refused(RefusalReason.DISTORTED, 3.01)


@pytest.mark.parametrize(("stability_db", "fits"), [(0.1, True), (0.101, False)])
def test_steady_inside_each_report(stability_db: float, fits: bool) -> None:
    found = verdict(reports(stability_db=stability_db))
    assert isinstance(found, Accepted) == fits


def test_steady_from_report_to_report() -> None:
    series = [replace(report, level_cdb=report.level_cdb + 10 * n) for n, report in enumerate(reports())]
    found = refusal(series)
    assert found.reason is RefusalReason.UNSTABLE
    assert found.value > 0.1


@pytest.mark.parametrize("spl_db", [87.9, 100.1, 104.0, 107.9, 120.1, 60.0])
def test_an_offset_no_healthy_microphone_has(spl_db: float) -> None:
    found = refusal(reports(spl_db=spl_db))
    assert found.reason is RefusalReason.WRONG_LEVEL
    assert found.value == pytest.approx(spl_db)


def test_a_calibrator_at_another_level_than_stated() -> None:
    assert refusal(reports(spl_db=114.0), reference_db=94.0).reason is RefusalReason.WRONG_LEVEL


@pytest.mark.parametrize(("count", "averaging_s", "fits"), [(4, 1.0, False), (5, 1.0, True), (3, 3.0, True)])
def test_five_seconds_are_needed(count: int, averaging_s: float, fits: bool) -> None:
    found = verdict(reports(count, averaging_s=averaging_s))
    if fits:
        assert isinstance(found, Accepted)
    else:
        assert found == Refused(RefusalReason.TOO_SHORT, count * 1.0)


def test_what_came_before_the_calibrator_sat_still_is_forgotten() -> None:
    unsteady = reports(3, spl_db=91.0, stability_db=2.0, distortion_percent=9.0)
    steady = reports(5, first_hop=1000 + 3 * HOPS_PER_REPORT)
    assert isinstance(verdict(unsteady + steady), Accepted)
    assert refusal(unsteady + steady[:4]).reason is RefusalReason.DISTORTED


def test_a_pause_begins_the_count_anew() -> None:
    series = reports(4) + reports(3, first_hop=1000 + 4 * HOPS_PER_REPORT + 30)
    assert refusal(series) == Refused(RefusalReason.TOO_SHORT, 3.0)


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_every_refusal_is_explained_in_both_languages(reason: RefusalReason) -> None:
    found = Refused(reason, 4.5)
    texts = {language: found.text(language) for language in ("nl", "en")}
    assert texts["nl"] != texts["en"]
    assert "{" not in "".join(texts.values())
    assert "4.5" not in texts["nl"]
