"""What `agw calibrate` tells the technician, in Dutch and English."""

from __future__ import annotations

from gateway.phrases import Language, Phrase, fill

_TEXTS: dict[str, Phrase] = {
    "begin": {
        "en": "Sensor {sensor} (serial number {serial}). "
        "Put the calibrator on the microphone and switch it on.",
        "nl": "Sensor {sensor} (serienummer {serial}). Zet de kalibrator op de microfoon en schakel hem in.",
    },
    "waiting": {
        "en": "waiting for the sensor {ports}",
        "nl": "wachten op de sensor {ports}",
    },
    "level": {
        "en": "{level:6.1f} dB(A)",
        "nl": "{level:6.1f} dB(A)",
    },
    "tone": {
        "en": "tone {hz:.1f} Hz {level:.2f} dB, distortion {distortion:.1f} %",
        "nl": "toon {hz:.1f} Hz {level:.2f} dB, vervorming {distortion:.1f} %",
    },
    "accepted": {
        "en": "Calibrator recognised: {reference:g} dB. The sensor reads {reads:.2f} dB "
        "(standard deviation {sd:.3f} dB over {span:.0f} s).",
        "nl": "Kalibrator herkend: {reference:g} dB. De sensor leest {reads:.2f} dB "
        "(standaardafwijking {sd:.3f} dB over {span:.0f} s).",
    },
    "offset": {
        "en": "Offset {after:+.2f} dB (so far {before}).",
        "nl": "Correctie {after:+.2f} dB (tot nu toe {before}).",
    },
    "decibels": {"en": "{value:+.2f} dB", "nl": "{value:+.2f} dB"},
    "not_heard": {
        "en": "sensor {serial} was not heard",
        "nl": "sensor {serial} is niet gehoord",
    },
    "unusable": {
        "en": "it cannot be used: {why}",
        "nl": "hij is niet te gebruiken: {why}",
    },
    "other": {
        "en": "another sensor is here: {serial}",
        "nl": "hier is een andere sensor: {serial}",
    },
    "none": {"en": "none", "nl": "geen"},
    "drift": {
        "en": "WARNING: {drift:+.2f} dB drift since the previous calibration, more than 0.5 dB. "
        "What this sensor measured in between is in doubt; look for the cause.",
        "nl": "LET OP: {drift:+.2f} dB verloop sinds de vorige kalibratie, meer dan 0,5 dB. "
        "Wat deze sensor intussen mat is twijfelachtig; zoek de oorzaak.",
    },
    "clock": {
        "en": "WARNING: this gateway's clock is not synchronised; the calibration counts from {now}. "
        "If that is not the time now, set the clock first.",
        "nl": "LET OP: de klok van deze gateway loopt niet gelijk; de kalibratie telt vanaf {now}. "
        "Is dat niet de tijd van nu, zet dan eerst de klok goed.",
    },
    "damaged": {
        "en": "WARNING: line {number} of {path} is no calibration record and is passed over ({why}).",
        "nl": "LET OP: regel {number} van {path} is geen kalibratierecord en wordt overgeslagen ({why}).",
    },
    "ask": {"en": "Store this calibration? [y/N] ", "nl": "Deze kalibratie opslaan? [j/N] "},
    "stored": {
        "en": "Stored as {id}, valid from {valid_from}.",
        "nl": "Opgeslagen als {id}, geldig vanaf {valid_from}.",
    },
    "not_stored": {"en": "Nothing was stored.", "nl": "Er is niets opgeslagen."},
    "refused": {"en": "Refused: {why}.", "nl": "Geweigerd: {why}."},
}

_YES: dict[Language, tuple[str, ...]] = {"en": ("y", "yes"), "nl": ("j", "ja")}


def say(key: str, language: Language, **values: object) -> str:
    """One text with its values."""
    return fill(_TEXTS[key], language, **values)


def is_yes(answer: str, language: Language) -> bool:
    return answer.strip().lower() in _YES[language]
