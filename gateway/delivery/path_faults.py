"""What is wrong on the way to the control room, in words for operators and technicians. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.contract.types import Text
from gateway.delivery.broker_link import LinkPhase, LinkState
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.receivers import ReceiverSight

FAULT_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class PathFault:
    """One fault that stands. code, where: what and where; since_s: monotonic."""

    code: str
    where: str
    since_s: float
    message: Text


def link_faults(states: Iterable[tuple[LinkState, float]], now_s: float) -> Iterator[PathFault]:
    """Of each path: its state and since when it is not connected, or since when it hears no receipts.

    What lasts less than a second (a start, a connection made anew) is no fault to anybody.
    """
    for state, since_s in states:
        if not state.connected and state.phase is not LinkPhase.STOPPED:
            if now_s - since_s < FAULT_AFTER_S:
                continue
            text = Text(en=_without_retry(state, "en"), nl=_without_retry(state, "nl"))
            yield PathFault("broker_lost", state.path, since_s, text)
        elif state.connected and not state.hears:
            yield PathFault("receipts_refused", state.path, since_s, _RECEIPTS_REFUSED)


def receiver_faults(sights: Iterable[ReceiverSight]) -> Iterator[PathFault]:
    for sight in sights:
        if sight.silent_since_s is not None:
            text = Text(
                en=f"Receiver {sight.name} does not answer: alerts are kept and sent again until it does",
                nl=f"Ontvanger {sight.name} antwoordt niet: alarmen blijven bewaard en gaan opnieuw",
            )
            yield PathFault("receiver_silent", sight.name, sight.silent_since_s, text)


def unreceived_faults(waiting: dict[str, int], since_s: dict[str, float]) -> Iterator[PathFault]:
    """Receiver -> alerts it has not told of in time, and since when that is so."""
    for name, count in waiting.items():
        if count:
            text = Text(
                en=f"Sent, and {name} does not say that it has them; alerts so far: {count}",
                nl=f"Verzonden, en {name} zegt niet dat hij ze heeft; alarmen tot nu toe: {count}",
            )
            yield PathFault("alert_not_received", name, since_s[name], text)


def stranger_fault(name: str, since_s: float) -> PathFault:
    text = Text(
        en=f"{name} asks or confirms here, but is not one of [delivery] receivers: is a name misspelt?",
        nl=f"{name} vraagt of bevestigt hier, maar staat niet bij [delivery] receivers: verkeerd gespeld?",
    )
    return PathFault("receiver_unknown", name, since_s, text)


def test_fault(since_s: float) -> PathFault:
    return PathFault("test_alert_failed", "delivery", since_s, _TEST_FAILED)


def disk_fault(problem: OutboxError, since_s: float) -> PathFault:
    text = Text(
        en=f"What was delivered cannot be noted ({problem}); alerts leave, some of them twice",
        nl=f"Aflevering kan niet worden bijgehouden ({problem.what_nl}); alarmen gaan uit, sommige dubbel",
    )
    return PathFault("outbox_failed", str(problem.where), since_s, text)


def records_fault(problem: OutboxError, since_s: float) -> PathFault:
    text = Text(
        en=f"History beside the alerts is not kept ({problem}); alerts leave as ever",
        nl=f"Geschiedenis naast de alarmen wordt niet bewaard ({problem.what_nl}); alarmen gaan gewoon uit",
    )
    return PathFault("records_failed", str(problem.where), since_s, text)


_RECEIPTS_REFUSED = Text(
    en="The broker does not let this gateway hear receipts: give its login the right to subscribe to them",
    nl="De broker laat deze gateway geen ontvangstbevestigingen horen: geef zijn login dat recht",
)
_TEST_FAILED = Text(
    en="The last test alert did not reach every receiver within a minute",
    nl="Het laatste testalarm bereikte niet elke ontvanger binnen een minuut",
)


def _without_retry(state: LinkState, language: str) -> str:
    """The state's own line; the seconds to the next attempt would make a new fault of each attempt."""
    detail = f" ({state.detail})" if state.detail else ""
    return f"{state.where}: {state.words(language)}{detail}"
