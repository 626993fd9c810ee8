"""Does what a sensor reports of a calibrator's tone make a calibration? Pure; its advice is in nl and en.

The tone is measured on the sensor, as the feature stream is too coarse for it. Limits: frequency and
stability as in field practice after ISO 1996-2, distortion that of a class 2 calibrator (IEC 60942:2017
table 2), and an offset that a healthy microphone can have.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from dsp.calibration import tone_offset_db
from firmware_bridge.messages import CalibrationReport
from gateway.phrases import Language, Phrase, fill

NOMINAL_LEVELS_DB = (94.0, 114.0)
NOMINAL_FREQUENCY_HZ = 1000.0
FREQUENCY_TOLERANCE = 0.01
MAX_DISTORTION_PERCENT = 3.0
MAX_SD_DB = 0.1
MIN_SPAN_S = 5.0
MAX_OFFSET_DB = 6.0
LONGEST_PAUSE_S = 2.5
"""Reports come once a second; after a longer pause the calibrator was taken off and the count begins anew."""


class RefusalReason(Enum):
    """Why there is no calibration (yet)."""

    NO_TONE = "no_tone"
    WRONG_FREQUENCY = "wrong_frequency"
    DISTORTED = "distorted"
    WRONG_LEVEL = "wrong_level"
    UNSTABLE = "unstable"
    TOO_SHORT = "too_short"


_REFUSALS: dict[RefusalReason, Phrase] = {
    RefusalReason.NO_TONE: {
        "en": "no calibrator tone is heard. Put the calibrator on the microphone and switch it on",
        "nl": "geen kalibratortoon gehoord. Zet de kalibrator op de microfoon en schakel hem in",
    },
    RefusalReason.WRONG_FREQUENCY: {
        "en": "the tone is at {value:.1f} Hz, not at 1000 Hz. Set the calibrator to 1 kHz, check its battery",
        "nl": "de toon is {value:.1f} Hz en geen 1000 Hz. Zet de kalibrator op 1 kHz, controleer de batterij",
    },
    RefusalReason.DISTORTED: {
        "en": "the tone has {value:.1f} % distortion, at most 3 % is allowed. "
        "Seat the calibrator well, keep it quiet around you, check its battery",
        "nl": "de toon heeft {value:.1f} % vervorming, hoogstens 3 % mag. "
        "Plaats de kalibrator goed, zorg voor stilte, controleer de batterij",
    },
    RefusalReason.WRONG_LEVEL: {
        "en": "the tone reads {value:.1f} dB, more than 6 dB from the calibrator's level. "
        "Check its setting (94 or 114 dB) and its fit; otherwise the sensor is faulty",
        "nl": "de toon leest {value:.1f} dB, meer dan 6 dB naast het niveau van de kalibrator. "
        "Controleer de stand (94 of 114 dB) en de pasvorm; anders is de sensor defect",
    },
    RefusalReason.UNSTABLE: {
        "en": "the level is not steady (standard deviation {value:.2f} dB, at most 0.1). "
        "Seat the calibrator well and do not touch it",
        "nl": "het niveau is niet stabiel (standaardafwijking {value:.2f} dB, hoogstens 0,1). "
        "Plaats de kalibrator goed en raak hem niet aan",
    },
    RefusalReason.TOO_SHORT: {
        "en": "{value:.0f} s of steady tone so far, 5 s are needed. Leave the calibrator where it is",
        "nl": "nog maar {value:.0f} s stabiele toon, 5 s is nodig. Laat de kalibrator zitten",
    },
}


@dataclass(frozen=True, slots=True)
class Refused:
    """Not good enough. value: the measured quantity that the reason is about, in the unit of its text."""

    reason: RefusalReason
    value: float = 0.0

    def text(self, language: Language) -> str:
        """What is wrong and what to do, in "nl" or "en"."""
        return fill(_REFUSALS[self.reason], language, value=self.value)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A tone good enough. Levels in dB: reference SPL, tone re a full-scale sine; offset_db to be added."""

    reference_db: float
    tone_db: float
    offset_db: float
    sd_db: float
    span_s: float
    frequency_hz: float
    distortion_percent: float


def judge(
    reports: Sequence[CalibrationReport],
    *,
    full_scale_db: float,
    hop_s: float,
    reference_db: float | None = None,
) -> Accepted | Refused:
    """Judge the newest stretch of tone.

    reports: of one boot of one sensor, oldest first; full_scale_db: the sensor's nominal SPL of a
    full-scale sine; hop_s: length of its hops; reference_db: the calibrator's SPL, None recognises 94 or
    114 dB.
    """
    used = _newest_stretch(reports, hop_s)
    if not used:
        return Refused(RefusalReason.NO_TONE)
    worst_hz = max((report.frequency_dhz / 10 for report in used), key=_off_frequency)
    if _off_frequency(worst_hz) > FREQUENCY_TOLERANCE * NOMINAL_FREQUENCY_HZ:
        return Refused(RefusalReason.WRONG_FREQUENCY, worst_hz)
    distortion_percent = max(report.distortion_cpct for report in used) / 100
    if distortion_percent > MAX_DISTORTION_PERCENT:
        return Refused(RefusalReason.DISTORTED, distortion_percent)
    tone_db = statistics.fmean(report.level_cdb for report in used) / 100
    reference_db = _recognised(tone_db + full_scale_db) if reference_db is None else reference_db
    offset_db = tone_offset_db(reference_db, tone_db, full_scale_db)
    if abs(offset_db) > MAX_OFFSET_DB:
        return Refused(RefusalReason.WRONG_LEVEL, tone_db + full_scale_db)
    sd_db = _standard_deviation_db(used)
    if sd_db > MAX_SD_DB:
        return Refused(RefusalReason.UNSTABLE, sd_db)
    span_s = _span_s(used, hop_s)
    if span_s < MIN_SPAN_S:
        return Refused(RefusalReason.TOO_SHORT, span_s)
    frequency_hz = statistics.fmean(report.frequency_dhz for report in used) / 10
    return Accepted(reference_db, tone_db, offset_db, sd_db, span_s, frequency_hz, distortion_percent)


def _newest_stretch(reports: Sequence[CalibrationReport], hop_s: float) -> list[CalibrationReport]:
    """The last reports without a pause between them, no more of them than the shortest span needs.

    So a calibrator that was still being seated does not spoil what came after.
    """
    used: list[CalibrationReport] = []
    for report in _without_pause(reports, hop_s):
        used.insert(0, report)
        if _span_s(used, hop_s) >= MIN_SPAN_S:
            break
    return used


def stretch_s(reports: Sequence[CalibrationReport], hop_s: float) -> float:
    """How long the tone has lasted up to the last report without a pause."""
    unbroken = list(_without_pause(reports, hop_s))
    return _span_s(unbroken[::-1], hop_s) if unbroken else 0.0


def _without_pause(reports: Sequence[CalibrationReport], hop_s: float) -> Iterator[CalibrationReport]:
    """From the last report back to the pause before its stretch."""
    later: CalibrationReport | None = None
    for report in reversed(reports):
        if later is not None and (later.hop_index - report.hop_index) * hop_s > LONGEST_PAUSE_S:
            return
        yield report
        later = report


def _span_s(reports: Sequence[CalibrationReport], hop_s: float) -> float:
    """How long a stretch of tone the reports cover, the averaging of the first one included."""
    between_s = (reports[-1].hop_index - reports[0].hop_index) * hop_s
    return between_s + reports[0].averaging_ms / 1000


def _standard_deviation_db(reports: Sequence[CalibrationReport]) -> float:
    """Of the level over the whole stretch: what varies inside the reports and from one to the next."""
    inside = statistics.fmean((report.stability_mdb / 1000) ** 2 for report in reports)
    between = statistics.pvariance([report.level_cdb / 100 for report in reports])
    return math.sqrt(inside + between)


def _recognised(level_db: float) -> float:
    return min(NOMINAL_LEVELS_DB, key=lambda nominal_db: abs(nominal_db - level_db))


def _off_frequency(frequency_hz: float) -> float:
    return abs(frequency_hz - NOMINAL_FREQUENCY_HZ)
