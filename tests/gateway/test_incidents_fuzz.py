"""Random squares, sounds, people and neighbours: what must hold of incidents whatever happens. Seeded."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

import pytest

from gateway.contract.vocabulary import Phase, Priority
from gateway.incidents.book import MOST_FOREIGN, Incidents
from gateway.incidents.types import Claim, Heard, Telling
from tests.gateway.incident_world import Ear, event_id, heard, trace

CLASSES = ("shout", "scream", "glass_break", "gunshot", "loud", "class_of_tomorrow")


class Told:
    """What each event of this gateway said of its incident, revision by revision, held to the rules."""

    def __init__(self) -> None:
        self.said: dict[str, list[Telling]] = defaultdict(list)
        self.revision: dict[str, int] = {}
        self.open: set[str] = set()

    def take(self, tellings: list[Telling], sensor_revision: dict[str, int]) -> None:
        for telling in tellings:
            event = telling.event_id
            assert event in self.open, "only an open event of this gateway speaks"
            revision = sensor_revision[event] + telling.standing.shift
            assert revision > self.revision.get(event, -1), "revisions only count up"
            self.revision[event] = revision
            self._check(telling)
            self.said[event].append(telling)

    def _check(self, telling: Telling) -> None:
        now, before = telling.standing, self.said[telling.event_id]
        assert (now.priority is Priority.GO) == bool(now.confirmed_by), "go has a reason, look has none"
        assert now.incident_id not in now.aliases
        assert [one.serial for one in now.sensors].count(now.sensors[0].serial) == 1
        if "sensor" in now.confirmed_by and len(now.sensors) > 1:
            assert sum(one.loudest for one in now.sensors) <= 1
        if before:
            last = before[-1].standing
            assert not (last.priority is Priority.GO and now.priority is Priority.LOOK), (
                "priority never falls"
            )
            assert set(last.confirmed_by) <= set(now.confirmed_by)
            assert last.incident_id in {now.incident_id, *now.aliases}, "an old name is kept"
            assert now.incident_id <= last.incident_id, "a name only gets smaller"


class Street:
    """Sensors at random places that raise, update and end events of all classes."""

    def __init__(self, seed: int, *, neighbours: bool) -> None:
        self.random = random.Random(seed)
        self.neighbours = neighbours
        self.book = Incidents()
        self.told = Told()
        self.now_s = 100.0
        self.ears = [
            Ear(f"s{n}", self.random.uniform(0, 250), self.random.uniform(0, 60))
            for n in range(self.random.randint(1, 8))
        ]
        self.open: dict[str, Heard] = {}
        self.revision: dict[str, int] = {}
        self.events = 0
        self.foreign: list[Heard] = []

    def step(self) -> None:
        self.now_s += self.random.choice((0.0, 0.125, 0.5, 2.0, 10.0, 40.0))
        what = self.random.random()
        if what < 0.45 or not self.open:
            self._begin()
        elif what < 0.65:
            self._revise(Phase.UPDATE)
        elif what < 0.85:
            self._revise(Phase.END)
        elif what < 0.9:
            known = self.random.choice([*self.revision, event_id("nobody")])
            self.told.take(self.book.confirm(known, self.now_s), self.revision)
        elif self.neighbours:
            self._hear_of()

    def finish(self) -> None:
        while self.open:
            self.now_s += 1.0
            self._revise(Phase.END)
        self.now_s += 1000.0
        self.book.confirm(event_id("nobody"), self.now_s)

    def _trace_of(self, ear: Ear) -> Heard:
        self.events += 1
        one = trace(
            ear,
            event_class=self.random.choice(CLASSES),
            onset_s=self.now_s - self.random.uniform(0.1, 1.5),
            lafmax_db=self.random.uniform(50.0, 110.0),
            above_db=self.random.choice((None, self.random.uniform(2.0, 40.0))),
            error_s=self.random.choice((0.0, 0.02, 0.5, None)),
            calibrated=self.random.random() < 0.5,
            repeated=self.random.random() < 0.2,
            lon_lat_deg=None if self.random.random() < 0.1 else trace(ear).lon_lat_deg,
            zone=self.random.choice((None, "noord")),
        )
        doubted = self.random.random() < 0.2
        return heard(f"e{self.events:06}", ear.name, one, t_s=self.now_s, doubted=doubted)

    def _begin(self) -> None:
        new = self._trace_of(self.random.choice(self.ears))
        self.open[new.event_id] = new
        self.revision[new.event_id] = 0
        self.told.open.add(new.event_id)
        tellings = self.book.hear(new)
        assert (tellings[0].event_id, tellings[0].anew) == (new.event_id, False), "its own alert leaves first"
        alone = len({one.serial for one in tellings[0].standing.sensors}) == 1
        if alone and not self.neighbours and "person" not in tellings[0].standing.confirmed_by:
            assert tellings[0].standing.priority is Priority.LOOK, "a single hit alone never goes"
        self.told.take(tellings, self.revision)

    def _revise(self, phase: Phase) -> None:
        event = self.random.choice(sorted(self.open))
        old = self.open[event]
        until_s = self.now_s - self.random.uniform(0.0, 4.0) if phase is Phase.END else old.trace.until_s
        louder = replace(
            old.trace, lafmax_db=old.trace.lafmax_db + self.random.uniform(0, 3), until_s=until_s
        )
        self.open[event] = replace(old, phase=phase, trace=louder, t_s=self.now_s)
        self.revision[event] += 1
        tellings = self.book.hear(self.open[event])
        self.told.take(tellings, self.revision)
        if phase is Phase.END:
            del self.open[event]
            self.told.open.discard(event)

    def _hear_of(self) -> None:
        if self.foreign and self.random.random() < 0.5:
            said = replace(
                self.random.choice(self.foreign), t_s=self.now_s, phase=self.random.choice(list(Phase))
            )
        else:
            said = self._trace_of(Ear("far", self.random.uniform(0, 250), 20.0))
            self.foreign.append(said)
        names = [said.event_id, *self.random.sample(sorted(self.revision), min(1, len(self.revision)))]
        self.random.shuffle(names)
        kept = names[: self.random.randint(1, len(names))]
        go = self.random.random() < 0.2
        claim = Claim(kept[0], tuple(kept[1:]), Priority.GO if go else Priority.LOOK, ("sensor",) * go)
        tellings = self.book.hear_of(replace(said, claim=claim))
        assert all(telling.anew for telling in tellings)
        self.told.take(tellings, self.revision)


@pytest.mark.parametrize("neighbours", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens(seed: int, neighbours: bool) -> None:
    street = Street(seed, neighbours=neighbours)
    for _ in range(120):
        street.step()
        for event in street.open:
            assert street.book.incident_of(event) is not None, "every open event is in an incident"
    said = street.told.said
    assert set(said) == set(street.revision), "and every event has said in which"
    if not neighbours:
        assert all(len({one.standing.incident_id for one in told}) == 1 for told in said.values()), (
            "ids are stable"
        )
    street.finish()
    assert len(street.book) == 0, "nothing dangles"


def test_open_events_of_one_incident_say_the_same_of_it() -> None:
    for seed in range(60):
        street = Street(1000 + seed, neighbours=True)
        for _ in range(60):
            street.step()
            by_incident = defaultdict(set)
            for event in street.open:
                standing = street.told.said[event][-1].standing
                by_incident[street.book.incident_of(event)].add((standing.incident_id, standing.priority))
            assert all(len(said) == 1 for said in by_incident.values()), seed


def test_the_same_sequence_gives_the_same_incidents() -> None:
    def run() -> list[list[Telling]]:
        street = Street(7, neighbours=True)
        for _ in range(200):
            street.step()
        return list(street.told.said.values())

    assert run() == run()


def test_a_flood_of_other_gateways_events_is_bounded() -> None:
    book = Incidents()
    for number in range(2 * MOST_FOREIGN):
        one = heard(
            f"f{number}",
            f"far{number}",
            trace(error_s=None),
            claim=Claim(f"{number:032x}", (), Priority.LOOK, ()),
        )
        book.hear_of(one)
    assert len(book) == MOST_FOREIGN
    assert book.foreign_dropped == MOST_FOREIGN
    (own,) = book.hear(heard("own", "a", trace()))
    assert own.event_id == event_id("own")
    book.confirm(event_id("own"), 100.0 + 2000.0)
    assert len(book) == 1, "who is never heard of again is forgotten"
