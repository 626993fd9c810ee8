"""Random kills: who, and when on an alert's way. A plan is a value made by a seed; `Killer` carries it out.

The next kill comes as soon as its victim has come up again and done something, so that every kill meets a
site at work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.chaos.packets import Kind
from tests.chaos.points import Point, Way, When
from tests.chaos.site import GATEWAY, Site

BROKER, RECEIVER = "broker", "receiver"
POINT_PATIENCE_S = 8.0
UP_AGAIN_S = 40.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A named point of an alert's way. gate: whose gate sees it; lag_s: at most so much later, by chance."""

    name: str
    victim: str
    gate: str
    way: Way
    kind: Kind
    about: str
    when: When
    lag_s: float = 0.0

    def point(self, skip: int) -> Point:
        return Point(self.way, self.kind, self.about, self.when, skip)


UP, DOWN, BEFORE, AFTER = Way.UP, Way.DOWN, When.BEFORE, When.AFTER
MOMENTS = (
    Moment("commit, publish", GATEWAY, GATEWAY, UP, Kind.PUBLISH, "event", BEFORE),
    Moment("publish, PUBACK", GATEWAY, GATEWAY, UP, Kind.PUBLISH, "event", AFTER),
    Moment("publish, PUBACK", GATEWAY, GATEWAY, DOWN, Kind.PUBACK, "event", BEFORE),
    Moment("PUBACK, receipt", GATEWAY, GATEWAY, DOWN, Kind.PUBACK, "event", AFTER, 0.02),
    Moment("PUBACK, receipt", GATEWAY, GATEWAY, DOWN, Kind.PUBLISH, "receipt", BEFORE),
    Moment("receipt, its commit", GATEWAY, GATEWAY, DOWN, Kind.PUBLISH, "receipt", AFTER, 0.01),
    Moment("publish, PUBACK", BROKER, GATEWAY, UP, Kind.PUBLISH, "event", BEFORE),
    Moment("publish, PUBACK", BROKER, GATEWAY, UP, Kind.PUBLISH, "event", AFTER),
    Moment("PUBACK, delivery", BROKER, GATEWAY, DOWN, Kind.PUBACK, "event", AFTER),
    Moment("delivery, receipt", BROKER, RECEIVER, DOWN, Kind.PUBLISH, "event", AFTER, 0.02),
    Moment("receipt, its delivery", BROKER, RECEIVER, UP, Kind.PUBLISH, "receipt", AFTER),
    Moment("before delivery", RECEIVER, RECEIVER, DOWN, Kind.PUBLISH, "event", BEFORE),
    Moment("delivery, commit", RECEIVER, RECEIVER, DOWN, Kind.PUBLISH, "event", AFTER, 0.02),
    Moment("commit, receipt", RECEIVER, RECEIVER, UP, Kind.PUBLISH, "receipt", BEFORE),
    Moment("receipt, PUBACK", RECEIVER, RECEIVER, UP, Kind.PUBLISH, "receipt", AFTER, 0.01),
    Moment("receipt, PUBACK", RECEIVER, RECEIVER, UP, Kind.PUBACK, "event", AFTER, 0.01),
)
ANY_TIME = "any time"
STARTING = "while it starts"


@dataclass(frozen=True, slots=True)
class Kill:
    """moment: None is any time, after_s from when the victim was at work; starting: after_s from its start.

    away_s: how long until it is started again; forget: a broker loses its state as well.
    """

    victim: str
    moment: Moment | None = None
    skip: int = 0
    lag_s: float = 0.0
    starting: bool = False
    after_s: float = 0.0
    away_s: float = 0.0
    forget: bool = False

    @property
    def cell(self) -> str:
        name = STARTING if self.starting else ANY_TIME if self.moment is None else self.moment.name
        return f"kill {self.victim}: {name}"


def plan(random: Random) -> Iterator[Kill]:
    """Endless; each three kills are of three different victims."""
    while True:
        for victim in random.sample((GATEWAY, BROKER, RECEIVER), 3):
            away_s = random.choice((0.0, 0.0, 0.1, random.uniform(0.0, 1.0)))
            forget = victim == BROKER and random.random() < 0.5
            chance = random.random()
            if chance < 0.4:
                yield Kill(victim, after_s=random.uniform(0.0, 0.6), away_s=away_s, forget=forget)
            elif chance < 0.5 and victim != BROKER:
                yield Kill(victim, starting=True, after_s=random.uniform(0.02, 1.0), away_s=away_s)
            else:
                moment = random.choice([one for one in MOMENTS if one.victim == victim])
                skip, lag_s = random.choice((0, 0, 1, 2, 5)), random.uniform(0.0, moment.lag_s)
                yield Kill(victim, moment, skip, lag_s, away_s=away_s, forget=forget)


@dataclass(slots=True)
class Killer:
    """Kills and starts again. done: kills by cell; missed: named points that never came, killed anyhow."""

    site: Site
    done: Counter[str] = field(default_factory=Counter)
    missed_points: int = 0
    not_up: list[str] = field(default_factory=list)

    def kill(self, one: Kill) -> None:
        """One kill, its restart, and the wait until the victim is at work again."""
        site = self.site
        site.observer.cell = one.cell
        if one.starting:
            self._down(one)
            self._up(one)
            site.wait(one.after_s)
        elif one.moment is None:
            site.wait(one.after_s)
        else:
            self._strike_at_point(one, one.moment)
        self._down(one)
        self.done[one.cell] += 1
        site.wait(one.away_s)
        before = self._work_done(one.victim)
        self._up(one)
        if not site.until(lambda: self._has_worked(one.victim, before), UP_AGAIN_S):
            self.not_up.append(f"{one.victim} after {one.cell}")

    def _strike_at_point(self, one: Kill, moment: Moment) -> None:
        site = self.site
        who = GATEWAY if moment.gate == GATEWAY else next(iter(site.receivers))
        strike = {
            GATEWAY: site.gateway.strike,
            BROKER: site.brokers[0].strike,
            RECEIVER: site.receivers[next(iter(site.receivers))].strike,
        }[one.victim]
        gate = site.gate(who)
        armed = gate.arm(moment.point(one.skip), lambda _packet: strike(), one.lag_s)
        if not armed.fired.wait(POINT_PATIENCE_S):
            self.missed_points += 1
        gate.disarm()

    def _down(self, one: Kill) -> None:
        site = self.site
        if one.victim == GATEWAY:
            site.gateway_down()
        elif one.victim == BROKER:
            site.broker_down(forget=one.forget)
        else:
            next(iter(site.receivers.values())).kill()

    def _up(self, one: Kill) -> None:
        site = self.site
        if one.victim == GATEWAY:
            site.gateway_up()
        elif one.victim == BROKER:
            site.broker_up()
        else:
            next(iter(site.receivers.values())).start()

    def _has_worked(self, victim: str, before: tuple[int, ...]) -> bool:
        return all(now > then for now, then in zip(self._work_done(victim), before, strict=True))

    def _work_done(self, victim: str) -> tuple[int, ...]:
        """Counts that only a victim that is up and connected again adds to."""
        site = self.site
        receiver = next(iter(site.receivers))
        if victim == GATEWAY:
            return (site.gate().count(UP, Kind.PUBLISH, "event"),)
        if victim == RECEIVER:
            return (site.gate(receiver).count(UP, Kind.PUBLISH, "receipt"),)
        return (
            site.gate().count(DOWN, Kind.PUBACK, "event"),
            site.gate(receiver).count(UP, Kind.PUBLISH, "receipt"),
        )
