"""Alerts of several gateways become incidents: by name, by the contract's rule, whatever the order."""

from __future__ import annotations

import itertools
import random

import pytest

from control_room.incidents import Incident, IncidentBook, IncidentStep
from gateway.contract.instants import utc_seconds, utc_text
from gateway.contract.parts import Veto
from gateway.contract.types import Alert, Clock, Place, Point, replace
from gateway.contract.vocabulary import ClockState, Phase, Priority, Severity, Status
from tests.gateway.incident_world import lon_lat
from tests.support.alerts import alert

ONSET_S = utc_seconds(alert(1).sound_onset_utc)


def at(gateway: str, event: int, east_m: float = 0.0, after_s: float = 0.0, **changes: object) -> Alert:
    """An alert of a gateway's only sensor, which hangs east_m on the square."""
    sensor_id = f"{gateway}-sensor"
    (heard,) = alert(event).sensors
    told = {
        "gateway": gateway,
        "sensors": (replace(heard, sensor_id=sensor_id, serial=sensor_id),),
        "place": Place(point=Point(coordinates=lon_lat(east_m, 0.0)), zone=None, address=None, cameras=()),
        "sound_onset_utc": utc_text(ONSET_S + after_s),
        "last_evidence_utc": utc_text(ONSET_S + after_s + 1.0),
    }
    return alert(event, **(told | changes))  # type: ignore[arg-type]


def take(*alerts: Alert, book: IncidentBook | None = None) -> list[IncidentStep]:
    kept = book or IncidentBook()
    steps = [kept.take(one) for one in alerts]
    assert None not in steps
    return steps  # type: ignore[return-value]


def incidents(steps: list[IncidentStep]) -> dict[str, Incident]:
    """As each stands last."""
    last = {event: step.incident for step in steps for event in step.incident.events}
    return {incident.incident_id: incident for incident in last.values()}


def test_one_sensor_alone_is_an_incident_of_one() -> None:
    (step,) = take(at("gw-1", 1))
    assert (step.first, step.worse) == (True, False)
    assert step.incident.events == (("gw-1", f"{1:032x}"),)
    assert (step.incident.priority, step.incident.over) == (Priority.LOOK, False)


def test_two_gateways_that_cannot_hear_each_other_are_one_incident_and_go() -> None:
    first, second = take(at("gw-1", 1), at("gw-2", 2, 25.0, 0.1))
    assert second.incident.events == (("gw-1", f"{1:032x}"), ("gw-2", f"{2:032x}"))
    assert second.incident.gateways == ("gw-1", "gw-2")
    assert second.incident.incident_id == first.incident.incident_id == f"{1:032x}"
    assert (second.first, second.worse) == (False, True)
    assert (second.incident.priority, second.incident.confirmed_by) == (Priority.GO, ("sensor",))
    assert len(second.incident.sensors) == 2


def test_the_second_and_third_ring_only_when_it_gets_worse() -> None:
    steps = take(
        at("gw-1", 1),
        at("gw-2", 2, 25.0),
        at("gw-3", 3, 40.0),
        at("gw-3", 3, 40.0, revision=1, phase=Phase.UPDATE, severity=Severity.HIGH),
    )
    assert [(step.first, step.worse) for step in steps] == [
        (True, False),
        (False, True),
        (False, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    "second",
    [
        at("gw-2", 2, 120.0),  # 80 dB and more at both places: no voice does that
        at("gw-2", 2, 25.0, 30.0),  # louder than allowed for one that is late
        at("gw-2", 2, 25.0, event_class="glass_break"),
        at("gw-2", 2, 25.0, site="elsewhere"),
        at("gw-2", 2, 25.0, status=Status.EXERCISE),
        at("gw-2", 2, 25.0, clock=Clock(state=ClockState.UNSYNCED, error_ms=None)),
        at("gw-2", 2, 25.0, clock=Clock(state=ClockState.HOLDOVER, error_ms=9000)),
        at("gw-2", 2, 25.0, place=Place(point=None, zone=None, address=None, cameras=())),
        at("gw-1", 2, 25.0),  # its own gateway has given it another name
    ],
    ids=["far", "late", "kind", "site", "status", "no clock", "bad clock", "nowhere", "own"],
)
def test_what_is_not_one_thing_stays_two(second: Alert) -> None:
    steps = take(at("gw-1", 1), second)
    assert len(incidents(steps)) == 2
    assert {step.incident.priority for step in steps} == {Priority.LOOK}


LOST = Clock(state=ClockState.UNSYNCED, error_ms=None)


def test_arrival_stands_in_for_a_clock_that_is_worth_nothing() -> None:
    first, second = at("gw-1", 1), at("gw-2", 2, 25.0)
    year_off = {
        name: utc_text(utc_seconds(getattr(second, name)) + 3e7)
        for name in ("sound_onset_utc", "last_evidence_utc", "detected_utc", "published_utc")
    }
    wrong = replace(second, clock=LOST, **year_off)
    book = IncidentBook()
    assert book.take(first, 50.0) is not None
    step = book.take(wrong, 50.4)
    assert step is not None
    assert step.incident.gateways == ("gw-1", "gw-2")


@pytest.mark.parametrize("changes", [{"historical": True, "age_s": 900.0}, {"published_utc": None}])
def test_what_did_not_come_straight_has_no_arrival(changes: dict[str, object]) -> None:
    book = IncidentBook()
    book.take(at("gw-1", 1), 50.0)
    step = book.take(replace(at("gw-2", 2, 25.0), clock=LOST, **changes), 50.4)
    assert step is not None
    assert step.first


def test_what_arrives_later_of_a_clock_that_is_worth_nothing_is_another_sound() -> None:
    book = IncidentBook()
    book.take(at("gw-1", 1, event_class="gunshot"), 50.0)
    step = book.take(replace(at("gw-2", 2, 25.0, event_class="gunshot"), clock=LOST), 58.0)
    assert step is not None
    assert step.first


def test_names_join_whatever_the_clocks_say() -> None:
    lost = Clock(state=ClockState.UNSYNCED, error_ms=None)
    theirs = at("gw-2", 2, 25.0, after_s=5000.0, clock=lost, incident_id=f"{1:032x}")
    steps = take(at("gw-1", 1), theirs)
    assert len(incidents(steps)) == 1


def test_a_name_that_came_later_joins_two_that_were_shown_apart() -> None:
    book = IncidentBook()
    take(at("gw-1", 1), at("gw-2", 2, 90.0), book=book)
    assert len(list(book.incidents())) == 2
    renamed = at(
        "gw-2",
        2,
        90.0,
        revision=1,
        phase=Phase.UPDATE,
        incident_id=f"{1:032x}",
        incident_aliases=(f"{2:032x}",),
    )
    (step,) = take(renamed, book=book)
    assert step.incident.incident_id == f"{1:032x}"
    assert len(step.incident.events) == 2
    (only,) = book.incidents()
    assert only.incident_id == f"{1:032x}"


def test_an_event_that_ended_under_an_old_name_stays_with_its_incident() -> None:
    book = IncidentBook()
    take(at("gw-2", 7, 90.0), at("gw-2", 7, 90.0, revision=1, phase=Phase.END), book=book)
    renamed = at("gw-2", 8, 90.0, incident_id=f"{1:032x}", incident_aliases=(f"{7:032x}",))
    (step,) = take(renamed, book=book)
    assert [event for _, event in step.incident.events] == [f"{7:032x}", f"{8:032x}"]


def test_sensors_of_one_gateway_are_one_incident_by_its_word() -> None:
    together = {"incident_id": f"{1:032x}"}
    first, second = take(
        at("gw-1", 1), at("gw-1", 2, 25.0, priority=Priority.GO, confirmed_by=("sensor",), **together)
    )
    assert second.incident.incident_id == first.incident.incident_id
    assert (second.worse, second.incident.priority) == (True, Priority.GO)


def test_it_is_called_as_its_gateway_calls_it_whatever_its_events_are_called() -> None:
    together = {"incident_id": f"{5:032x}"}
    steps = take(at("gw-1", 5, **together), at("gw-1", 2, **together))
    assert [step.incident.incident_id for step in steps] == [f"{5:032x}"] * 2


def test_a_gateway_of_an_earlier_contract_names_no_incident() -> None:
    (step,) = take(at("gw-1", 5, incident_id=None))
    assert step.incident.incident_id == f"{5:032x}"


def test_a_doubted_alert_joins_and_confirms_nobody() -> None:
    steps = take(at("gw-1", 1), at("gw-2", 2, 25.0, vetoes=(Veto(code="wind"),)))
    assert len(incidents(steps)) == 1
    assert steps[-1].incident.priority is Priority.LOOK


def test_a_veto_that_the_evidence_outweighs_is_no_doubt() -> None:
    steps = take(at("gw-1", 1), at("gw-2", 2, 25.0, vetoes=(Veto(code="wind", outweighed=True),)))
    assert steps[-1].incident.priority is Priority.GO


def test_two_fights_with_a_gateway_between_that_hears_both_stay_two() -> None:
    levels = {"lafmax_db": 78.0, "event_class": "shout"}
    fights = [at("gw-1", 1, 0.0, **levels), at("gw-3", 3, 80.0, **levels)]
    between = at("gw-2", 2, 40.0, lafmax_db=66.0, event_class="shout")
    for order in itertools.permutations([*fights, between]):
        assert len(incidents(take(*order))) == 2, [one.gateway for one in order]


def test_an_incident_is_over_with_its_last_event() -> None:
    book = IncidentBook()
    ends = [at("gw-1", 1, revision=1, phase=Phase.END), at("gw-2", 2, 25.0, revision=1, phase=Phase.END)]
    steps = take(at("gw-1", 1), at("gw-2", 2, 25.0), *ends, book=book)
    assert [step.incident.over for step in steps] == [False, False, False, True]
    assert list(book.incidents()) == []
    assert steps[-1].incident.priority is Priority.GO


def test_what_an_orphan_s_end_no_longer_knows_is_not_taken_back() -> None:
    worse = {"priority": Priority.GO, "severity": Severity.HIGH, "confirmed_by": ("person",)}
    *_, end = take(
        at("gw-1", 1),
        at("gw-1", 1, revision=2, phase=Phase.UPDATE, **worse),
        at("gw-1", 1, revision=1, phase=Phase.END),
    )
    assert (end.incident.priority, end.incident.severity) == (Priority.GO, Severity.HIGH)


def test_a_test_of_the_path_is_no_incident() -> None:
    assert IncidentBook().take(at("gw-1", 1, event_class="test", status=Status.TEST)) is None


def test_the_order_of_arrival_does_not_matter() -> None:
    """Three gateways at one fight, and one far away at another."""
    alerts = [at("gw-1", 1), at("gw-2", 2, 25.0, 0.1), at("gw-3", 3, 45.0, 0.2), at("gw-4", 4, 160.0)]
    for order in itertools.permutations(alerts):
        last = incidents(take(*order))
        gateways = {name: set(one.gateways) for name, one in last.items()}
        assert gateways == {f"{1:032x}": {"gw-1", "gw-2", "gw-3"}, f"{4:032x}": {"gw-4"}}


@pytest.mark.parametrize("seed", range(40))
def test_whatever_comes_every_event_is_in_one_incident_and_nothing_falls(seed: int) -> None:
    chance = random.Random(seed)
    book = IncidentBook()
    events = [
        at(
            f"gw-{chance.randint(1, 4)}",
            number,
            chance.uniform(0, 200),
            chance.uniform(0, 20),
            lafmax_db=chance.uniform(55, 100),
        )
        for number in range(30)
    ]
    said: dict[tuple[str, str], list[Incident]] = {}
    for _ in range(150):
        one = chance.choice(events)
        name = chance.choice(events).event_id if chance.random() < 0.05 else one.incident_id
        changes = {"phase": chance.choice(list(Phase)), "incident_id": name, "end_reason": None}
        (step,) = take(replace(one, **changes), book=book)
        key = (one.gateway, one.event_id)
        assert key in step.incident.events
        for event in step.incident.events:
            earlier = said.setdefault(event, [])
            if earlier:
                assert set(earlier[-1].events) <= set(step.incident.events), "what was one stays one"
                assert not (earlier[-1].priority is Priority.GO and step.incident.priority is Priority.LOOK)
                assert step.incident.incident_id <= earlier[-1].incident_id
            earlier.append(step.incident)
    shown = [event for one in book.incidents() for event in one.events]
    assert len(shown) == len(set(shown)), "each event in one incident"


def test_it_is_bounded_and_forgets_what_is_over_first() -> None:
    book = IncidentBook(most_events=10)
    take(at("gw-1", 1), book=book)
    for number in range(2, 40):
        far = number * 1000.0
        take(at("gw-1", number, far), at("gw-1", number, far, revision=1, phase=Phase.END), book=book)
    assert [one.incident_id for one in book.incidents()] == [f"{1:032x}"], "the one that is open is kept"
    for number in range(100, 150):
        take(at("gw-1", number, number * 1000.0), book=book)
    assert len(list(book.incidents())) <= 10
