"""What `agw monitor` says, in Dutch and English."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_bridge.events import LinkState, LostReason, RefusedReason
from gateway.phrases import Phrase

WORDS: Mapping[str, Phrase] = {
    "nothing": {
        "en": "nothing heard on {ports}: is it the right port, and does the gateway hold it?",
        "nl": "niets gehoord op {ports}: is het de juiste poort, en houdt de gateway hem bezet?",
    },
    "hello": {
        "en": "sensor {serial} ({hardware}, firmware {firmware}) at {port}, {calibration}",
        "nl": "sensor {serial} ({hardware}, firmware {firmware}) op {port}, {calibration}",
    },
    "calibrated": {"en": "calibrated: {id}", "nl": "gekalibreerd: {id}"},
    "uncalibrated": {"en": "not calibrated", "nl": "niet gekalibreerd"},
    "lost": {"en": "sensor {serial} is gone: {reason}", "nl": "sensor {serial} is weg: {reason}"},
    "refused": {"en": "sensor {serial} is refused: {reason}", "nl": "sensor {serial} is geweigerd: {reason}"},
    "no_model": {"en": "levels only: {problem}", "nl": "alleen niveau: {problem}"},
    "level": {
        "en": "{bar} {laeq:5.1f} dB(A)  max {lafmax:5.1f}",
        "nl": "{bar} {laeq:5.1f} dB(A)  max {lafmax:5.1f}",
    },
    "ambient": {"en": "  background {ambient:5.1f}", "nl": "  achtergrond {ambient:5.1f}"},
    "score": {"en": "  {name} {score:.2f}", "nl": "  {name} {score:.2f}"},
    "veto": {"en": "  ({name})", "nl": "  ({name})"},
    "held_back": {
        "en": "*** held back: {name} ({why})",
        "nl": "*** tegengehouden: {name} ({why})",
    },
    "event": {
        "en": "*** {phase} {name}, LAFmax {lafmax:.1f} dB",
        "nl": "*** {phase} {name}, LAFmax {lafmax:.1f} dB",
    },
    "supply": {"en": "supply {volt:.2f} V", "nl": "voeding {volt:.2f} V"},
    "temperature": {"en": "temperature {celsius:.1f} °C", "nl": "temperatuur {celsius:.1f} °C"},
    "health": {
        "en": "overloads {overloads}  dropped {dropped}",
        "nl": "overbelast {overloads}  gemist {dropped}",
    },
    "link": {
        "en": "link: {good} frames, {lost} lost, {bad} bad",
        "nl": "lijn: {good} frames, {lost} verloren, {bad} slecht",
    },
}

LINK: Mapping[LinkState, Phrase] = {
    LinkState.CLOSED: {"en": "port closed", "nl": "poort gesloten"},
    LinkState.LISTENING: {
        "en": "port open, waiting for a frame",
        "nl": "poort open, wacht op een frame",
    },
    LinkState.INTRODUCING: {
        "en": "frames arrive, waiting for the sensor to say who it is",
        "nl": "er komen frames, wacht tot de sensor zegt wie hij is",
    },
    LinkState.READY: {"en": "sensor streams", "nl": "sensor zendt"},
    LinkState.FADING: {"en": "no good frame for a while", "nl": "al even geen goed frame"},
    LinkState.REFUSED: {
        "en": "the sensor cannot be used as it is",
        "nl": "de sensor is zo niet te gebruiken",
    },
    LinkState.SILENT: {
        "en": "nothing arrives: is the sensor powered, and is this its port?",
        "nl": "er komt niets: heeft de sensor spanning, en is dit zijn poort?",
    },
    LinkState.GARBLED: {
        "en": "bytes arrive but no frame is intact: is the baud rate wrong, or the cable damaged?",
        "nl": "er komen bytes maar geen frame is heel: klopt de baudsnelheid, is de kabel beschadigd?",
    },
}

LOST: Mapping[LostReason, Phrase] = {
    LostReason.SILENT: {"en": "nothing was heard for 3 s", "nl": "3 s niets gehoord"},
    LostReason.GARBLED: {"en": "only garbled bytes arrive", "nl": "er komen alleen verminkte bytes"},
    LostReason.REBOOTED: {"en": "it started anew", "nl": "hij is opnieuw gestart"},
    LostReason.SWAPPED: {"en": "another sensor answers here", "nl": "hier antwoordt een andere sensor"},
    LostReason.REFUSED: {"en": "it is refused", "nl": "hij is geweigerd"},
    LostReason.PORT_CLOSED: {"en": "the port is gone", "nl": "de poort is weg"},
}

REFUSED: Mapping[RefusedReason, Phrase] = {
    RefusedReason.UNKNOWN_LAYOUT: {
        "en": "this gateway does not read its feature layout; update the gateway, or the sensor's firmware",
        "nl": "deze gateway kent de indeling van zijn frames niet; werk de gateway of de sensor bij",
    },
    RefusedReason.TOO_FAST: {
        "en": "it sends more spectra a second than privacy allows; install firmware that keeps the limit",
        "nl": "hij zendt meer spectra per seconde dan de privacy toelaat; zet er andere firmware op",
    },
}
