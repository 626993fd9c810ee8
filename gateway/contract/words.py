"""The contract's codes in the words that operators and technicians read, in English and Dutch.

A code that is not known yet (open codes may grow) is shown as it came.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "nl")

CLASS_WORDS = {
    "shout": ("shout", "geschreeuw"),
    "scream": ("scream", "gil"),
    "glass_break": ("breaking glass", "glasbreuk"),
    "gunshot": ("shot or bang", "schot of knal"),
    "loud": ("loud sound", "luid geluid"),
    "test": ("path test", "lijntest"),
}
LABEL_WORDS = {
    "speech": ("speech", "spraak"),
    "laughter": ("laughter", "gelach"),
    "cheer_crowd": ("cheering crowd", "juichende menigte"),
    "children": ("children playing", "spelende kinderen"),
    "singing": ("singing", "zang"),
    "music": ("music", "muziek"),
    "baby_cry": ("crying baby", "huilende baby"),
    "cough": ("cough", "hoest"),
    "dog_bark": ("barking dog", "blaffende hond"),
    "bird": ("bird", "vogel"),
    "siren": ("siren", "sirene"),
    "horn": ("car horn", "claxon"),
    "vehicle": ("vehicle", "voertuig"),
    "construction": ("construction work", "bouwwerkzaamheden"),
    "impact": ("blow or slam", "klap of stoot"),
    "fireworks_thunder": ("fireworks or thunder", "vuurwerk of onweer"),
    "bell_phone": ("bell or phone", "bel of telefoon"),
    "wind_rain": ("wind or rain", "wind of regen"),
    "ambience": ("background sound", "achtergrondgeluid"),
}
"""What else the supplied models tell apart: as runner-up or rival, never as an event."""
PHASE_WORDS = {
    "start": ("start", "begin"),
    "update": ("update", "vervolg"),
    "end": ("end", "einde"),
}
SEVERITY_WORDS = {
    "low": ("low", "laag"),
    "medium": ("medium", "middel"),
    "high": ("high", "hoog"),
}
PRIORITY_WORDS = {
    "look": ("look", "kijken"),
    "go": ("go", "gaan"),
}
CONFIRMED_BY_WORDS = {
    "sensor": ("a second sensor", "een tweede sensor"),
    "person": ("a person", "een mens"),
}
STATUS_WORDS = {
    "Actual": ("actual", "echt"),
    "Exercise": ("exercise", "oefening"),
    "Test": ("test", "test"),
}
END_REASON_WORDS = {
    "cleared": ("it is over", "het is voorbij"),
    "sensor_lost": ("sensor lost", "sensor weggevallen"),
    "sensor_rebooted": ("sensor rebooted", "sensor opnieuw gestart"),
    "gateway_stopped": ("gateway stopped", "gateway gestopt"),
    "gateway_restarted": ("gateway restarted", "gateway opnieuw gestart"),
    "model_changed": ("model changed", "model gewisseld"),
    "stream_ended": ("recording ended", "einde van de opname"),
}
SENSOR_STATE_WORDS = {
    "online": ("online", "verbonden"),
    "offline": ("offline", "niet verbonden"),
    "unbound": ("not bound to a place", "niet aan een plek gekoppeld"),
    "refused": ("refused", "geweigerd"),
}
REASON_WORDS = {
    "not_seen": ("not heard since the start", "sinds de start niet gehoord"),
    "port_closed": ("port gone", "poort weggevallen"),
    "silent": ("nothing arrives", "er komt niets binnen"),
    "garbled": ("nothing intact arrives", "er komt niets leesbaars binnen"),
    "rebooted": ("rebooted", "opnieuw gestart"),
    "swapped": ("another sensor in its place", "andere sensor op deze poort"),
    "duplicate_serial": ("serial number in use already", "serienummer al in gebruik"),
    "disabled": ("switched off in the settings", "uitgezet in de instellingen"),
    "unknown_layout": ("sends an unknown layout", "stuurt een onbekende indeling"),
    "too_fast": ("sends more than privacy allows", "stuurt meer dan de privacy toelaat"),
    "refused": ("cannot be used as it is", "zo niet bruikbaar"),
    "retired": ("no longer shown", "niet meer getoond"),
    "stopped": ("stopped", "gestopt"),
    "connection_lost": ("connection lost", "verbinding weggevallen"),
}
MODE_WORDS = {
    "full": ("levels and sounds", "niveau en geluidssoort"),
    "level_only": ("levels only", "alleen niveau"),
}
VETO_WORDS = {
    "wind": ("wind at the microphone", "wind op de microfoon"),
    "rain": ("rain", "regen"),
    "overload": ("too loud for the microphone", "te luid voor de microfoon"),
    "handling": ("blow on microphone or mast", "stoot tegen microfoon of mast"),
    "siren": ("siren", "sirene"),
    "known_sound": ("sound known at this place", "bekend geluid op deze plek"),
}
CLOCK_WORDS = {
    "synced": ("clock right", "klok gelijk"),
    "holdover": ("clock on its own", "klok loopt zelfstandig"),
    "unsynced": ("clock not set", "klok niet gelijkgezet"),
}


def class_word(event_class: str, language: str) -> str:
    """Of an event's class, or of another label of the model."""
    return _word(CLASS_WORDS if event_class in CLASS_WORDS else LABEL_WORDS, event_class, language)


def phase_word(phase: str, language: str) -> str:
    return _word(PHASE_WORDS, phase, language)


def severity_word(severity: str, language: str) -> str:
    return _word(SEVERITY_WORDS, severity, language)


def priority_word(priority: str, language: str) -> str:
    return _word(PRIORITY_WORDS, priority, language)


def confirmed_by_word(code: str, language: str) -> str:
    return _word(CONFIRMED_BY_WORDS, code, language)


def status_word(status: str, language: str) -> str:
    return _word(STATUS_WORDS, status, language)


def end_reason_word(end_reason: str, language: str) -> str:
    return _word(END_REASON_WORDS, end_reason, language)


def sensor_state_word(state: str, language: str) -> str:
    return _word(SENSOR_STATE_WORDS, state, language)


def reason_word(reason: str, language: str) -> str:
    """Of an availability or a gateway's status."""
    return _word(REASON_WORDS, reason, language)


def veto_word(veto: str, language: str) -> str:
    """What speaks against the sound."""
    return _word(VETO_WORDS, veto, language)


def mode_word(mode: str, language: str) -> str:
    return _word(MODE_WORDS, mode, language)


def clock_word(state: str, language: str) -> str:
    return _word(CLOCK_WORDS, state, language)


def _word(words: Mapping[str, tuple[str, str]], code: str, language: str) -> str:
    """Raises ValueError for a language that the product does not speak."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r}: one of {', '.join(LANGUAGES)}")
    return words[code][LANGUAGES.index(language)] if code in words else str(code)
