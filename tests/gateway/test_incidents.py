"""Events of several sensors become incidents: on a square with sound that takes its time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.contract.vocabulary import Phase, Priority
from gateway.incidents import states
from gateway.incidents.book import Incidents
from gateway.incidents.incident import LONGEST_S, RESUMES_S
from gateway.incidents.states import TABLE, Signal, State
from gateway.incidents.types import Telling
from gateway.incidents.whereabouts import MOST_LISTED
from tests.gateway.incident_world import (
    CORNER,
    Ear,
    Source,
    claim,
    ended,
    event_id,
    hear,
    heard,
    lon_lat,
    play,
    trace,
)

SQUARE = [Ear("a", 0.0), Ear("b", 30.0), Ear("c", 0.0, 30.0), Ear("d", 30.0, 30.0)]
STREET = [Ear("a", 0.0), Ear("b", 80.0)]


def ids(told: list[tuple[float, Telling]]) -> set[str]:
    return {telling.standing.incident_id for _, telling in told}


def test_a_fight_heard_by_four_sensors_is_one_incident_of_four() -> None:
    told = play(Incidents(), hear(SQUARE, [Source(100.0, 8.0, 5.0, lasts_s=6.0)]))
    assert len(ids(told)) == 1
    complete = max((telling.standing for _, telling in told), key=lambda standing: len(standing.sensors))
    assert sorted(one.serial for one in complete.sensors) == ["a", "b", "c", "d"]


def test_the_second_sensor_upgrades_it_within_a_second() -> None:
    events = hear(SQUARE, [Source(100.0, 8.0, 5.0)])
    told = play(Incidents(), events)
    second_s = sorted(event.start.t_s for event in events)[1]
    first_id = min(events, key=lambda event: event.start.t_s).start.event_id
    upgraded_s = [
        at_s
        for at_s, telling in told
        if telling.event_id == first_id and telling.standing.priority is Priority.GO
    ]
    assert 0.0 <= upgraded_s[0] - second_s <= 1.0


def test_the_first_alert_waits_for_nobody_and_is_look() -> None:
    book = Incidents()
    first, second = sorted(hear(SQUARE[:2], [Source(100.0, 8.0)]), key=lambda event: event.start.t_s)
    (alone,) = book.hear(first.start)
    assert (alone.event_id, alone.anew) == (first.start.event_id, False)
    assert (alone.standing.priority, alone.standing.confirmed_by) == (Priority.LOOK, ())
    assert alone.standing.sensors == (first.start.contribution,), "alone it stands plain"
    assert alone.standing.position is None
    own, upgrade = book.hear(second.start)
    assert (own.event_id, own.anew) == (second.start.event_id, False)
    assert (upgrade.event_id, upgrade.anew, upgrade.standing.shift) == (first.start.event_id, True, 1)
    for telling in (own, upgrade):
        assert (telling.standing.priority, telling.standing.confirmed_by) == (Priority.GO, ("sensor",))
        assert telling.standing.incident_id == first.start.event_id, "named after the first event"


def test_order_of_arrival_and_the_loudest_are_told() -> None:
    told = play(Incidents(), hear(SQUARE, [Source(100.0, 22.0, 5.0)]))
    full = next(t.standing for _, t in told if len(t.standing.sensors) == 4)
    by_name = {one.serial: one for one in full.sensors}
    assert [one.serial for one in full.sensors if one.loudest] == ["b"]
    assert by_name["b"].arrival == 1
    assert sorted(one.arrival or 0 for one in full.sensors) == [1, 2, 3, 4]
    assert by_name["b"].after_first_ms == 0
    assert all((one.after_first_ms or 0) <= 125 for one in full.sensors), "30 m are less than a hop"
    assert {one.event_class for one in full.sensors} == {"shout"}


def test_an_alert_lists_its_own_sensor_first() -> None:
    for _, telling in play(Incidents(), hear(SQUARE, [Source(100.0, 8.0, 5.0)])):
        own = telling.standing.sensors[0]
        assert event_id(f"{own.serial}0") == telling.event_id


def test_the_position_lies_near_the_source() -> None:
    told = play(Incidents(), hear(SQUARE, [Source(100.0, 20.0, 8.0)]))
    at = next(t.standing.position for _, t in told if len(t.standing.sensors) == 4)
    assert at is not None
    assert at.within_m == pytest.approx(21.0, abs=1.0)
    lon, lat = at.point.coordinates
    east_m = (lon - CORNER[0]) / (lon_lat(1.0, 0.0)[0] - CORNER[0])
    north_m = (lat - CORNER[1]) / (lon_lat(0.0, 1.0)[1] - CORNER[1])
    assert (east_m - 20.0) ** 2 + (north_m - 8.0) ** 2 < at.within_m**2


def test_on_the_line_between_two_sensors_the_position_is_the_source_s() -> None:
    told = play(Incidents(), hear([Ear("a", 0.0), Ear("b", 40.0)], [Source(100.0, 10.0)]))
    at = told[-1][1].standing.position
    assert at is not None
    assert at.point.coordinates == pytest.approx(lon_lat(10.0, 0.0), abs=1e-5)


@pytest.mark.parametrize("level_db", [92.0, 97.0])
@pytest.mark.parametrize("own_m", [3.0, 8.0])
@pytest.mark.parametrize("later_s", [0.0, 1.0, 3.0])
def test_two_fights_80_m_apart_stay_two(level_db: float, own_m: float, later_s: float) -> None:
    fights = [
        Source(100.0, 0.0, own_m, level_db, lasts_s=8.0),
        Source(100.0 + later_s, 80.0, own_m, level_db, lasts_s=8.0),
    ]
    told = play(Incidents(), hear(STREET, fights))
    assert len(ids(told)) == 2
    assert {telling.standing.priority for _, telling in told} == {Priority.LOOK}


def test_two_fights_stay_two_with_a_sensor_between_that_hears_both() -> None:
    ears = [Ear("a", 0.0), Ear("middle", 40.0), Ear("b", 80.0)]
    fights = [Source(100.0, 0.0, 4.0, 98.0, lasts_s=8.0), Source(100.5, 80.0, 4.0, 98.0, lasts_s=8.0)]
    events = hear(ears, fights)
    assert len(events) == 3
    assert len(ids(play(Incidents(), events))) == 2


def test_two_fights_of_two_sensors_each_stay_two_and_both_are_confirmed() -> None:
    ears = [Ear("a1", 0.0), Ear("a2", 0.0, 15.0), Ear("b1", 80.0), Ear("b2", 80.0, 15.0)]
    fights = [Source(100.0, 2.0, 6.0, 96.0, lasts_s=8.0), Source(101.0, 78.0, 8.0, 96.0, lasts_s=8.0)]
    told = play(Incidents(), hear(ears, fights))
    last = {telling.event_id: telling.standing for _, telling in told}
    assert len({standing.incident_id for standing in last.values()}) == 2
    assert {standing.priority for standing in last.values()} == {Priority.GO}
    for standing in last.values():
        assert len({one.serial[0] for one in standing.sensors}) == 1, "each fight has its own sensors"


def test_one_loud_voice_between_two_sensors_80_m_apart_is_one() -> None:
    told = play(Incidents(), hear(STREET, [Source(100.0, 40.0, 0.0, 98.0)]))
    assert len(ids(told)) == 1
    assert told[-1][1].standing.priority is Priority.GO


def test_the_far_sensor_may_hear_only_the_later_and_louder_shouts() -> None:
    ears = [Ear("near", 0.0), Ear("far", 60.0, ambient_db=58.0)]
    first, louder = Source(100.0, 5.0, 0.0, 90.0, lasts_s=1.0), Source(103.0, 5.0, 0.0, 99.0, lasts_s=1.0)
    events = hear(ears, [first, louder])
    assert [event.start.source for event in events] == ["near", "far"]
    assert events[1].start.trace.onset_s > events[0].start.trace.onset_s + 2.5
    assert len(ids(play(Incidents(), events))) == 1


def test_thunder_over_the_whole_town_confirms_nothing() -> None:
    ears = [Ear("a", 0.0), Ear("b", 90.0), Ear("c", 180.0)]
    events = [
        hear([ear], [Source(100.0, ear.east_m, 1.0, 78.0, "shout")])[0] for ear in ears
    ]  # equally loud everywhere
    told = play(Incidents(), events)
    assert {telling.standing.priority for _, telling in told} == {Priority.LOOK}
    assert len(ids(told)) == 3


def test_the_same_sensor_never_confirms_itself() -> None:
    book = Incidents()
    shout = heard("shout", "a", trace())
    scream = heard("scream", "a", trace(onset_s=101.0, event_class="scream"))
    told = [*book.hear(shout), *book.hear(scream)]
    assert len({one.standing.incident_id for one in told}) == 1, "one place, one time: one incident"
    assert {one.standing.priority for one in told} == {Priority.LOOK}
    assert all(len(one.standing.sensors) == 1 for one in told)
    assert len(told) == 2, "and the open event has nothing new to tell"


def test_a_shot_in_a_fight_belongs_to_it_and_is_confirmed_by_a_second_sensor_that_heard_the_shot() -> None:
    book = Incidents()
    book.hear(heard("shout-a", "a", trace(lafmax_db=78.0)))
    (shot,) = book.hear(heard("shot-a", "a", trace(onset_s=102.0, event_class="gunshot", lafmax_db=110.0)))
    assert shot.standing.priority is Priority.LOOK
    away = trace(Ear("b", 30.0), onset_s=102.1, event_class="gunshot", lafmax_db=104.0)
    told = book.hear(heard("shot-b", "b", away))
    assert {one.standing.incident_id for one in told} == {event_id("shout-a")}
    assert {one.standing.priority for one in told} == {Priority.GO}
    assert {one.event_id for one in told if one.anew} == {event_id("shout-a"), event_id("shot-a")}


def test_other_kinds_at_other_sensors_are_other_incidents() -> None:
    book = Incidents()
    book.hear(heard("shout", "a", trace()))
    (pane,) = book.hear(heard("pane", "b", trace(Ear("b", 30.0), event_class="glass_break")))
    assert pane.standing.incident_id == event_id("pane")
    assert pane.standing.priority is Priority.LOOK


def test_a_plain_level_joins_what_was_recognised_and_does_not_confirm_it() -> None:
    book = Incidents()
    book.hear(heard("shout", "a", trace()))
    own, *_ = book.hear(heard("loud", "b", trace(Ear("b", 30.0), event_class="loud")))
    assert own.standing.incident_id == event_id("shout")
    assert own.standing.priority is Priority.LOOK


def test_a_doubted_event_joins_and_confirms_nobody() -> None:
    book = Incidents()
    book.hear(heard("a", "a", trace()))
    told = book.hear(heard("b", "b", trace(Ear("b", 20.0)), doubted=True))
    assert {one.standing.incident_id for one in told} == {event_id("a")}
    assert {one.standing.priority for one in told} == {Priority.LOOK}
    told = book.hear(heard("c", "c", trace(Ear("c", 0.0, 20.0))))
    assert {one.standing.priority for one in told} == {Priority.GO}, "the first and the third agree"


def test_a_doubt_that_is_gone_with_a_later_revision_counts_no_more() -> None:
    book = Incidents()
    book.hear(heard("a", "a", trace()))
    doubted = heard("b", "b", trace(Ear("b", 20.0)), doubted=True)
    book.hear(doubted)
    told = book.hear(replace(doubted, phase=Phase.UPDATE, doubted=False, t_s=doubted.t_s + 1.0))
    assert {one.standing.priority for one in told} == {Priority.GO}


def test_the_third_sensor_is_told_by_the_leading_event_alone() -> None:
    book = Incidents()
    for number, ear in enumerate(SQUARE[:2]):
        book.hear(heard(f"{ear.name}", ear.name, trace(ear, onset_s=100.0 + number / 8.0)))
    own, *others = book.hear(heard("c", "c", trace(SQUARE[2], onset_s=100.25)))
    assert len(own.standing.sensors) == 3
    assert [(one.event_id, one.standing.shift, len(one.standing.sensors)) for one in others] == [
        (event_id("a"), 2, 3)
    ]


def test_an_ended_event_is_final_and_its_incident_goes_on() -> None:
    book = Incidents()
    pane = heard("a", "a", trace(event_class="glass_break", lafmax_db=80.0), t_s=100.3)
    book.hear(pane)
    book.hear(ended(pane, 100.3, hold_s=3.0))
    late = heard("b", "b", trace(Ear("b", 20.0), event_class="glass_break", onset_s=100.2), t_s=104.0)
    (own,) = book.hear(late)
    assert own.standing.incident_id == event_id("a")
    assert own.standing.priority is Priority.GO
    assert [one.serial for one in own.standing.sensors] == ["b", "a"]


def test_what_goes_on_at_its_place_goes_on_with_the_incident_and_stays_go() -> None:
    book = Incidents()
    first, other = heard("a", "a", trace()), heard("b", "b", trace(Ear("b", 20.0)))
    for one in (first, other, ended(first, 102.0), ended(other, 102.0)):
        book.hear(one)
    again = heard("a2", "a", trace(onset_s=102.0 + RESUMES_S - 1.0))
    (told,) = book.hear(again)
    assert (told.standing.incident_id, told.standing.priority) == (event_id("a"), Priority.GO)


def test_what_begins_later_is_news() -> None:
    book = Incidents()
    first, other = heard("a", "a", trace()), heard("b", "b", trace(Ear("b", 20.0)))
    for one in (first, other, ended(first, 102.0), ended(other, 102.0)):
        book.hear(one)
    (told,) = book.hear(heard("a2", "a", trace(onset_s=102.0 + RESUMES_S + 1.0)))
    assert (told.standing.incident_id, told.standing.priority) == (event_id("a2"), Priority.LOOK)
    assert len(book) == 1, "what is over is forgotten"


def test_an_incident_of_ten_minutes_takes_nothing_in_any_more() -> None:
    book = Incidents()
    book.hear(heard("a", "a", trace()))
    (told,) = book.hear(heard("b", "a", trace(onset_s=100.0 + LONGEST_S + 1.0, event_class="scream")))
    assert told.standing.incident_id == event_id("b")


def test_a_person_confirms_a_single_source() -> None:
    book = Incidents()
    book.hear(heard("a", "a", trace()))
    (told,) = book.confirm(event_id("a"), 103.0)
    assert (told.anew, told.standing.shift) == (True, 1)
    assert (told.standing.priority, told.standing.confirmed_by) == (Priority.GO, ("person",))
    assert book.confirm(event_id("a"), 104.0) == [], "once more says nothing new"


def test_a_person_who_agrees_with_two_sensors_is_told_too() -> None:
    book = Incidents()
    book.hear(heard("a", "a", trace()))
    book.hear(heard("b", "b", trace(Ear("b", 20.0))))
    told = book.confirm(event_id("b"), 103.0)
    assert {one.standing.confirmed_by for one in told} == {("sensor", "person")}
    assert {one.event_id for one in told} == {event_id("a"), event_id("b")}


def test_confirming_what_is_over_or_unknown_says_nothing() -> None:
    book = Incidents()
    first = heard("a", "a", trace())
    book.hear(first)
    book.hear(ended(first, 102.0))
    assert book.confirm(event_id("a"), 107.0) == []
    assert book.confirm(event_id("x"), 107.0) == []
    assert book.confirm(event_id("a"), 500.0) == []
    assert len(book) == 0


def test_revisions_of_the_sensor_carry_the_incident_on() -> None:
    book = Incidents()
    first = heard("a", "a", trace())
    book.hear(first)
    book.hear(heard("b", "b", trace(Ear("b", 20.0))))
    (update,) = book.hear(replace(first, phase=Phase.UPDATE, t_s=103.0))
    assert (update.anew, update.standing.shift, update.standing.priority) == (False, 1, Priority.GO)
    (end,) = book.hear(ended(first, 103.0))
    assert (end.standing.shift, end.standing.priority) == (1, Priority.GO)


def test_at_most_so_many_sensors_are_listed_and_the_loudest_are() -> None:
    book = Incidents()
    told: list[Telling] = []
    for number in range(MOST_LISTED + 8):
        ear = Ear(f"s{number:02}", number / 10.0)
        told = book.hear(heard(ear.name, ear.name, trace(ear, lafmax_db=60.0 + number / 4.0)))
    last = told[0].standing
    assert len(last.sensors) == MOST_LISTED
    assert last.sensors[0].serial == f"s{MOST_LISTED + 7:02}"
    assert "s00" not in {one.serial for one in last.sensors}, "the least loud is left out"


def test_the_table_knows_an_answer_to_everything_that_can_happen() -> None:
    open_signals = set(Signal) - {Signal.LAPSED}
    for state in (State.LOOK, State.GO):
        assert {signal for known, signal in TABLE if known is state} == open_signals
    for state in (State.FADING_LOOK, State.FADING_GO):
        assert {signal for known, signal in TABLE if known is state} == set(Signal) - {Signal.ALL_ENDED}
    assert State.OVER not in {state for state, _ in TABLE}


def test_no_signal_makes_an_incident_less_sure() -> None:
    for (state, _), target in TABLE.items():
        assert (
            target is State.OVER or state not in states.CONFIRMED_STATES or target in states.CONFIRMED_STATES
        )


def test_the_page_shows_the_table() -> None:
    page = (Path(states.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert states.mermaid() in page


def test_an_event_that_was_ended_by_a_restart_may_be_decided_once_more() -> None:
    book = Incidents()
    first = heard("a", "a", trace())
    book.recall(replace(ended(first, 101.0), claim=claim("a")))
    told = [*book.hear(first), *book.hear(ended(first, 102.0))]
    assert [(one.event_id, one.standing.incident_id) for one in told] == [(event_id("a"), event_id("a"))] * 2
