"""What the station says about sensors, lines and ports, in Dutch and English."""

from __future__ import annotations

from firmware_bridge.events import LinkState
from firmware_bridge.port_states import PortChanged
from gateway.contract.types import Text

UNBOUND = Text(
    en="This sensor is not in the settings: bind its serial number to a place ([[sensor]])",
    nl="Deze sensor staat niet in de instellingen: koppel het serienummer aan een plek ([[sensor]])",
)
DISABLED = Text(
    en="This sensor is switched off in the settings (enabled = false)",
    nl="Deze sensor is uitgezet in de instellingen (enabled = false)",
)
DUPLICATE = Text(
    en="Another sensor with this serial number was here first: one of the two is wrongly marked or a copy",
    nl="Een andere sensor met dit serienummer was er eerder: een van de twee is fout gemerkt of een kopie",
)
REFUSED_NL = "Deze sensor past niet bij deze gateway: werk de gateway of de firmware van de sensor bij"
LINK_FAULTS = {
    LinkState.SILENT: Text(
        en="Nothing arrives on this port. Is the sensor powered, and is this its port?",
        nl="Er komt niets binnen op deze poort. Heeft de sensor voeding, en is dit zijn poort?",
    ),
    LinkState.GARBLED: Text(
        en="Bytes arrive but no frame is intact. Is the baud rate right, is the cable sound?",
        nl="Er komen bytes binnen maar geen heel frame. Klopt de baudrate, is de kabel heel?",
    ),
}


def port_words(changed: PortChanged) -> Text:
    """What is wrong with a port and the next step."""
    return Text(en=_sentence(changed, "en"), nl=_sentence(changed, "nl"))


def _sentence(changed: PortChanged, language: str) -> str:
    text = changed.text(language)
    return f"{text.message}. {text.hint}" if text.hint else text.message
