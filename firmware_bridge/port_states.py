"""The states of a port, what each means to a person, and which follow which. No I/O.

A port is the line to a sensor, not the sensor: the sensor's identity is the serial number in its hello. A
state is reported once, when it is entered; trying again and failing in the same way reports nothing.

    opening -> open -> hung_up -> (absent | denied | busy | failed | open)
    any     -> stopped
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class PortState(enum.Enum):
    """Where a port stands."""

    OPENING = "opening"
    ABSENT = "absent"
    DENIED = "denied"
    BUSY = "busy"
    OPEN = "open"
    HUNG_UP = "hung_up"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PortText:
    """What a state says to a person, and what that person can do about it, in one language."""

    message: str
    hint: str = ""


_TEXTS: dict[PortState, dict[str, PortText]] = {
    PortState.OPENING: {
        "en": PortText("opening the port"),
        "nl": PortText("poort wordt geopend"),
    },
    PortState.ABSENT: {
        "en": PortText("nothing is connected under this name", "Check the cable and the sensor's power."),
        "nl": PortText(
            "onder deze naam is niets aangesloten", "Controleer de kabel en de voeding van de sensor."
        ),
    },
    PortState.DENIED: {
        "en": PortText(
            "no permission to open the port",
            "Add the gateway's user to the group of the device (on Debian: dialout) and restart the gateway.",
        ),
        "nl": PortText(
            "geen rechten om de poort te openen",
            "Voeg de gebruiker van de gateway toe aan de groep van het apparaat (op Debian: dialout) "
            "en herstart de gateway.",
        ),
    },
    PortState.BUSY: {
        "en": PortText(
            "another program holds the port",
            "Close the other program (a terminal, a second gateway, ModemManager).",
        ),
        "nl": PortText(
            "een ander programma houdt de poort bezet",
            "Sluit het andere programma (een terminal, een tweede gateway, ModemManager).",
        ),
    },
    PortState.OPEN: {
        "en": PortText("port open"),
        "nl": PortText("poort open"),
    },
    PortState.HUNG_UP: {
        "en": PortText(
            "the connection was broken; trying to get it back", "Check the cable and the sensor's power."
        ),
        "nl": PortText(
            "de verbinding is verbroken; er wordt geprobeerd haar te herstellen",
            "Controleer de kabel en de voeding van de sensor.",
        ),
    },
    PortState.FAILED: {
        "en": PortText(
            "the port cannot be used", "Check the name or address of the port and that it is a serial line."
        ),
        "nl": PortText(
            "de poort is onbruikbaar", "Controleer naam of adres van de poort en of het een seriële lijn is."
        ),
    },
    PortState.STOPPED: {
        "en": PortText("port closed"),
        "nl": PortText("poort gesloten"),
    },
}

LANGUAGES = ("en", "nl")


@dataclass(frozen=True, slots=True)
class PortChanged:
    """A port entered a state.

    url: the port as it is opened (a path or a pyserial URL; for a pattern without a match, the pattern);
    detail: what the operating system said, untranslated, for the log; now_s: host monotonic seconds.
    """

    url: str
    state: PortState
    detail: str
    now_s: float

    @property
    def message_key(self) -> str:
        """A stable key for translations and counters, such as `port.hung_up`."""
        return f"port.{self.state.value}"

    def text(self, language: str = "en") -> PortText:
        """Message and hint in `language` ("en" or "nl"); another language is a KeyError."""
        return _TEXTS[self.state][language]
