"""Valid alerts of the contract, many and distinct, for tests that send or receive them."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.clock import HostClock
from gateway.contract.encoding import encode
from gateway.contract.examples import ALERT
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Phase
from gateway.delivery.outbox import Outbox
from gateway.time_labels import StoredInstant

TOPICS = TopicBuilder("harbour", "gw-1")
UNKNOWN_BOOT = StoredInstant("", 0.0, 0.0)


def alert(event: int, revision: int = 0, phase: Phase = Phase.START, **changes: object) -> Alert:
    """Revision `revision` of event number `event`."""
    changes.setdefault("end_reason", "cleared" if phase is Phase.END else None)
    changes.setdefault("incident_id", f"{event:032x}")
    return replace(ALERT, event_id=f"{event:032x}", revision=revision, phase=phase, **changes)


def story(number: int, revisions: int = 4) -> Alert:
    """Alert `number` of an endless row of events with `revisions` revisions each, start to end."""
    event, revision = divmod(number, revisions)
    last = Phase.END if revision == revisions - 1 else Phase.UPDATE
    return alert(event, revision, Phase.START if revision == 0 else last)


def commit(outbox: Outbox, one: Alert, made: StoredInstant | HostClock = UNKNOWN_BOOT) -> int | None:
    """Store it as the gateway does. made: when, on which boot's clock; a clock means now."""
    at = made.instant() if isinstance(made, HostClock) else made
    return outbox.commit(
        encode(one),
        one.event_id,
        one.revision,
        TOPICS.event(one.event_class),
        one.phase.value,
        boot_id=at.boot_id,
        monotonic_s=at.monotonic_s,
        utc_offset_s=at.utc_offset_s,
    )
