"""What the tail of alerts says, in Dutch and English; the words for codes are the contract's own."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "nl")

_TEXTS: Mapping[str, tuple[str, str]] = {
    # Labels of lines and columns.
    "gateway": ("gateway", "gateway"),
    "sensor": ("sensor", "sensor"),
    "fault": ("FAULT", "STORING"),
    "fault_over": ("solved", "verholpen"),
    "uncalibrated": ("not calibrated", "niet gekalibreerd"),
    "time": ("time", "tijd"),
    "phase": ("phase", "fase"),
    "severity": ("grade", "ernst"),
    "class": ("sound", "geluid"),
    "place": ("place", "plaats"),
    "above": ("above*", "boven*"),
    "level": ("level", "niveau"),
    "score": ("score", "score"),
    "legend": (
        "* above the background of the last minutes; ~ level of a sensor that is not calibrated",
        "* boven de achtergrond van de laatste minuten; ~ niveau van een niet-gekalibreerde sensor",
    ),
    "times": ("times", "keer"),
    "camera": ("camera", "camera"),
    "perhaps": ("perhaps {what}", "misschien {what}"),
    "meanwhile": ("meanwhile: {what}", "tegelijk: {what}"),
    "rival": ("nearest", "naaste"),
    "from_time": ("{seconds} from {begin}", "{seconds} vanaf {begin}"),
    "joined_late": ("start not seen", "begin niet gezien"),
    "old": ("OLD", "OUD"),
    "historical": ("on its way {age}", "onderweg {age}"),
    "backlog": ("waited for a path", "wachtte op een verbinding"),
    "age_unknown": ("since before a restart", "van voor een herstart"),
    "age_s": ("{count} s", "{count} s"),
    "age_min": ("{count} min", "{count} min"),
    "age_h": ("{hours} h {minutes} min", "{hours} u {minutes} min"),
    "again": ("shown before, perhaps", "misschien al getoond"),
    "asked": ("open already", "liep al"),
    "not_stored": ("NOT STORED HERE", "HIER NIET OPGESLAGEN"),
    "not_durable": ("not stored at the gateway", "niet opgeslagen in de gateway"),
    "removed": ("taken away", "weggehaald"),
    "online": ("online", "verbonden"),
    "offline": ("OFFLINE", "NIET VERBONDEN"),
    "not_heard": ("its sensors are not heard: {count}", "sensoren ervan niet gehoord: {count}"),
    "bad": ("not understood, {count} so far", "niet begrepen, tot nu toe {count}"),
    # What a receiver finds out.
    "silent": (
        "SILENT for {age}: nothing is known of its sensors",
        "STIL sinds {age}: niets bekend van de sensoren",
    ),
    "heard": ("heard again after {age}", "weer gehoord na {age}"),
    "gap_asked": (
        "ALERTS MISSING: {count} ({lane} {first} to {last}), asked for them",
        "ALARMEN ONTBREKEN: {count} ({lane} {first} t/m {last}), opnieuw gevraagd",
    ),
    "gap_found": (
        "ALERTS MISSING: {count} ({lane} {first} to {last})",
        "ALARMEN ONTBREKEN: {count} ({lane} {first} t/m {last})",
    ),
    "gap_filled": (
        "no alerts missing any more ({lane})",
        "er ontbreken geen alarmen meer ({lane})",
    ),
    "gap_lost": (
        "ALERTS LOST: {count} ({lane}), not to be had any more",
        "ALARMEN KWIJT: {count} ({lane}), niet meer te krijgen",
    ),
    "end_unheard": (
        "#{event} is over, its end did not come",
        "#{event} is voorbij, het einde is niet binnengekomen",
    ),
    "incident": ("incident {incident}: {sensors} sensors", "incident {incident}: {sensors} sensoren"),
    "gateways": ("{count} gateways", "{count} gateways"),
    "confirm_heard": (
        "#{event} confirmed: its incident is `go`",
        "#{event} bevestigd: het incident is `gaan`",
    ),
    "confirm_refused": (
        "#{event} NOT CONFIRMED: {detail}",
        "#{event} NIET BEVESTIGD: {detail}",
    ),
    "live": ("live", "actueel"),
    "historical_lane": ("backlog", "achterstand"),
    "store": ("here", "hier"),
    "store_fails": (
        "THE STORE FAILS, nothing is confirmed: {detail}",
        "DE OPSLAG WERKT NIET, niets wordt bevestigd: {detail}",
    ),
    "store_works": ("the store works again", "de opslag werkt weer"),
    "not_shown": (
        "an alert could not be shown, time after time: #{event}",
        "een alarm kon keer op keer niet worden getoond: #{event}",
    ),
    "not_heard_by_gateways": (
        "{where}: the broker refuses receipts (reason {reason}); gateways will report this receiver. "
        "Give it the right to publish receipt and request/+",
        "{where}: de broker weigert bevestigingen (reden {reason}); gateways zullen deze ontvanger melden. "
        "Geef het recht om receipt en request/+ te publiceren",
    ),
    # The line to the broker.
    "connecting": ("{where}: connecting", "{where}: bezig met verbinden"),
    "connected": ("{where}: connected, waiting for alerts", "{where}: verbonden, wacht op alarmen"),
    "unreachable": (
        "{where}: no broker there ({detail}); trying on",
        "{where}: geen broker gevonden ({detail}); blijft proberen",
    ),
    "untrusted": (
        "{where}: no trusted connection ({detail}); check certificates and clock; trying on",
        "{where}: geen vertrouwde verbinding ({detail}); controleer certificaten en klok; blijft proberen",
    ),
    "unauthorised": (
        "{where}: not let in ({detail}); check user name, password and rights; trying on",
        "{where}: niet toegelaten ({detail}); controleer naam, wachtwoord en rechten; blijft proberen",
    ),
    "refused": (
        "{where}: refused ({detail}); does this port speak MQTT 5, does it ask for TLS? trying on",
        "{where}: geweigerd ({detail}); spreekt deze poort MQTT 5, vraagt hij TLS? blijft proberen",
    ),
    "lost": (
        "{where}: CONNECTION LOST ({detail}), no alerts can come in; trying on",
        "{where}: VERBINDING WEG ({detail}), er kunnen geen alarmen binnenkomen; blijft proberen",
    ),
}


def text(key: str, language: str, **values: object) -> str:
    """The text of a key in "en" or "nl". Raises KeyError, ValueError for what does not exist."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r}: one of {', '.join(LANGUAGES)}")
    return _TEXTS[key][LANGUAGES.index(language)].format(**values)
