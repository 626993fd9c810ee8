"""The view never goes back, forgets nothing it should know, and takes anything for input."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_room import incidents_view
from control_room.changes import (
    AlertChange,
    BadMessage,
    Change,
    FaultChange,
    GatewayChange,
    Ignored,
    SensorChange,
    SensorRemoved,
    Step,
)
from control_room.incidents_view import IncidentsView
from gateway.contract.encoding import encode
from gateway.contract.examples import (
    EXAMPLES,
    GATEWAY_HEALTH,
    GATEWAY_STATUS,
    SENSOR_AVAILABILITY,
    SENSOR_LEVEL,
)
from gateway.contract.types import Alert, Payload, replace
from gateway.contract.vocabulary import Phase, Presence, SensorState
from tests.support.alerts import TOPICS, alert, story

NORTH = TOPICS.sensor_availability("square-north")


@pytest.fixture
def view() -> IncidentsView:
    return IncidentsView()


def tell(view: IncidentsView, one: Alert, **options: bool) -> Change:
    return view.apply(TOPICS.event(one.event_class), encode(one), **options)


def test_an_event_starts_is_updated_and_ends(view: IncidentsView) -> None:
    first, second, last = alert(1), alert(1, 1, Phase.UPDATE), alert(1, 2, Phase.END)
    assert tell(view, first) == AlertChange(Step.STARTED, first, None)
    assert tell(view, second) == AlertChange(Step.UPDATED, second, first)
    assert view.open_events == (second,)
    assert tell(view, last) == AlertChange(Step.ENDED, last, second)
    assert view.open_events == ()


def test_whoever_joins_late_sees_the_event_from_where_it_is(view: IncidentsView) -> None:
    late = alert(1, 4, Phase.UPDATE)
    assert tell(view, late) == AlertChange(Step.UPDATED, late, None)
    assert tell(view, alert(2, 9, Phase.END)) == AlertChange(Step.ENDED, alert(2, 9, Phase.END), None)


def test_repeated_and_late_revisions_change_nothing(view: IncidentsView) -> None:
    tell(view, alert(1))
    tell(view, alert(1, 2, Phase.UPDATE))
    assert tell(view, alert(1, 2, Phase.UPDATE)) is Ignored.REPEATED
    assert tell(view, alert(1, 1, Phase.UPDATE)) is Ignored.LATE
    assert tell(view, alert(1)) is Ignored.LATE
    assert [event.revision for event in view.open_events] == [2]
    assert view.ignored == {Ignored.REPEATED: 1, Ignored.LATE: 2}


def test_an_end_is_final(view: IncidentsView) -> None:
    tell(view, alert(1))
    tell(view, alert(1, 3, Phase.END))
    assert tell(view, alert(1, 3, Phase.END)) is Ignored.REPEATED
    assert tell(view, alert(1, 2, Phase.UPDATE)) is Ignored.LATE
    assert tell(view, alert(1, 4, Phase.UPDATE)) is Ignored.AFTER_END
    assert view.open_events == ()


@pytest.mark.parametrize("seed", range(30))
def test_in_whatever_order_and_how_often_they_come_no_event_goes_back(seed: int) -> None:
    chance, view = Random(seed), IncidentsView()
    messages = [story(number, revisions=5) for number in range(40)] * 3
    chance.shuffle(messages)
    shown: dict[str, list[AlertChange]] = {}
    for message in messages:
        change = tell(view, message)
        if isinstance(change, AlertChange):
            shown.setdefault(message.event_id, []).append(change)
    assert len(shown) == 8
    for changes in shown.values():
        revisions = [change.alert.revision for change in changes]
        assert revisions == sorted(set(revisions))
        assert [change.step for change in changes].count(Step.ENDED) == 1
        assert changes[-1].step is Step.ENDED
    assert view.open_events == ()


def test_a_retained_event_does_not_ring(view: IncidentsView) -> None:
    assert tell(view, alert(1), retained=True) is Ignored.RETAINED
    assert view.open_events == ()
    assert isinstance(tell(view, alert(1)), AlertChange)


def test_optional_fields_it_does_not_know_are_ignored(view: IncidentsView) -> None:
    newer = json.loads(encode(alert(1)))
    newer |= {"schema": "1.7", "mood_ring": {"deep": [1, 2]}, "class": "gunshot"}
    newer["place"]["floor"] = 3
    change = view.apply(TOPICS.event("gunshot"), json.dumps(newer).encode())
    assert isinstance(change, AlertChange)
    assert change.alert.schema == "1.7"


def test_an_open_code_it_does_not_know_is_taken(view: IncidentsView) -> None:
    unknown = alert(1, event_class="fireworks")
    assert isinstance(tell(view, unknown), AlertChange)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("somewhere/else", b"{}"),
        ("aggression/v2/harbour/gw-1/event/scream", b"{}"),
        (TOPICS.event("scream"), b"not json"),
        (TOPICS.event("scream"), b"{}"),
        (TOPICS.event("scream"), b"\xff\xfe"),
        (TOPICS.event("scream"), b"[" * 100_000),
        (TOPICS.event("scream"), encode(GATEWAY_STATUS)),
        (TOPICS.event("shout"), encode(alert(1))),  # a scream, says the payload
        ("aggression/v1/harbour/gw-2/event/scream", encode(alert(1))),  # of gw-1, says the payload
        ("aggression/v1/elsewhere/gw-1/status", encode(GATEWAY_STATUS)),
        (TOPICS.sensor_availability("other"), encode(SENSOR_AVAILABILITY)),
        (TOPICS.status, encode(GATEWAY_STATUS).replace(b"online", b"maybe")),
    ],
)
def test_what_is_not_of_the_contract_is_a_counted_value(
    view: IncidentsView, topic: str, payload: bytes
) -> None:
    change = view.apply(topic, payload)
    assert isinstance(change, BadMessage)
    assert change.topic == topic
    assert change.reason
    assert view.bad_messages == 1
    assert view.open_events == ()


@given(
    topic=st.sampled_from([TOPICS.event("scream"), TOPICS.status, TOPICS.health, NORTH])
    | st.text(max_size=60),
    payload=st.binary(max_size=200) | st.sampled_from([encode(example) for example in EXAMPLES]),
    retained=st.booleans(),
)
def test_any_message_gives_a_change(topic: str, payload: bytes, retained: bool) -> None:
    view = IncidentsView()
    assert isinstance(view.apply(topic, payload, retained=retained), Change)


def test_a_gateway_comes_and_goes(view: IncidentsView) -> None:
    gone = replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="connection_lost", since_utc=None)
    assert view.apply(TOPICS.status, encode(GATEWAY_STATUS), retained=True) == GatewayChange(
        GATEWAY_STATUS, 0
    )
    assert view.apply(TOPICS.status, encode(GATEWAY_STATUS)) is Ignored.SAME_STATE
    view.apply(NORTH, encode(SENSOR_AVAILABILITY))
    assert view.apply(TOPICS.status, encode(gone)) == GatewayChange(gone, 1)
    assert view.gateway("harbour", "gw-1") == gone


def test_a_gateway_that_was_restarted_is_news(view: IncidentsView) -> None:
    view.apply(TOPICS.status, encode(GATEWAY_STATUS))
    restarted = replace(GATEWAY_STATUS, boot_id="b7f3c3")
    assert view.apply(TOPICS.status, encode(restarted)) == GatewayChange(restarted, 0)


def test_a_sensor_comes_goes_and_is_taken_away(view: IncidentsView) -> None:
    offline = replace(SENSOR_AVAILABILITY, state=SensorState.OFFLINE, reason="hung_up")
    assert view.apply(NORTH, encode(SENSOR_AVAILABILITY), retained=True) == SensorChange(SENSOR_AVAILABILITY)
    assert view.apply(NORTH, encode(SENSOR_AVAILABILITY)) is Ignored.SAME_STATE
    assert view.apply(NORTH, encode(offline)) == SensorChange(offline)
    assert view.sensor("harbour", "gw-1", "square-north") == offline
    assert view.apply(NORTH, b"") == SensorRemoved("harbour", "gw-1", "square-north")
    assert view.apply(NORTH, b"") is Ignored.NOT_SHOWN
    assert view.sensor("harbour", "gw-1", "square-north") is None


def test_faults_are_told_when_they_come_and_when_they_go(view: IncidentsView) -> None:
    healthy = replace(GATEWAY_HEALTH, faults=())
    (fault,) = GATEWAY_HEALTH.faults
    assert view.apply(TOPICS.health, encode(healthy)) is Ignored.SAME_STATE
    assert view.apply(TOPICS.health, encode(GATEWAY_HEALTH)) == FaultChange(GATEWAY_HEALTH, (fault,), ())
    assert view.apply(TOPICS.health, encode(GATEWAY_HEALTH)) is Ignored.SAME_STATE
    assert view.apply(TOPICS.health, encode(healthy)) == FaultChange(healthy, (), (fault,))


def test_levels_are_not_kept(view: IncidentsView) -> None:
    assert view.apply(TOPICS.sensor_level("square-north"), encode(SENSOR_LEVEL)) is Ignored.NOT_SHOWN


def test_memory_is_bounded_and_what_is_forgotten_is_counted(
    view: IncidentsView, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("MOST_OPEN", "MOST_ENDED", "MOST_SOURCES"):
        monkeypatch.setattr(incidents_view, bound, 3)
    for event in range(5):
        tell(view, alert(event))
    assert [event.event_id[-1] for event in view.open_events] == ["2", "3", "4"]
    assert view.forgotten == 2
    for event in range(10, 20):
        tell(view, alert(event, 1, Phase.END))
    assert tell(view, alert(19, 1, Phase.END)) is Ignored.REPEATED
    others: list[Payload] = [replace(GATEWAY_STATUS, gateway=f"gw-{number}") for number in range(5)]
    told = [view.apply(f"aggression/v1/harbour/gw-{n}/status", encode(one)) for n, one in enumerate(others)]
    assert told[3:] == [Ignored.NOT_SHOWN] * 2
