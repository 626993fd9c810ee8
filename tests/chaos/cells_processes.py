"""Processes: killed at named points and at any time, paused, ended politely, doubled, rebooted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

from tests.chaos.cells import ROOT, Act, Cell
from tests.chaos.clocks import rebooted
from tests.chaos.kills import MOMENTS, Kill, Killer, Moment
from tests.chaos.setup import Setup
from tests.chaos.site import Site
from tests.chaos.victim import Victim, python

KILLS_A_CELL = 4


def cells() -> Iterator[Cell]:
    seen: dict[str, list[Moment]] = {}
    for moment in MOMENTS:
        seen.setdefault(f"{moment.victim} killed: {moment.name}", []).append(moment)
    for name, moments in seen.items():
        yield Cell(name, _killed_at(moments))
    for victim in ("gateway", "broker", "receiver"):
        yield Cell(f"{victim} killed: any time", _killed(victim))
    yield Cell("broker killed, its state lost", _killed("broker", forget=True))
    yield Cell("gateway killed while it starts", _killed("gateway", starting=True))
    yield Cell("receiver killed while it starts", _killed("receiver", starting=True))
    yield Cell("everything killed at once", power_cut)
    yield Cell("gateway stopped politely", gateway_stopped)
    yield Cell("broker restarted politely", broker_restarted)
    yield Cell("gateway paused", gateway_paused)
    yield Cell("broker paused", broker_paused)
    yield Cell("receiver paused", receiver_paused)
    yield Cell("receiver away", receiver_away)
    yield Cell("receiver joins late", receiver_joins_late)
    yield Cell("second gateway on the same data", second_gateway)
    yield Cell("machine rebooted", machine_rebooted, needs=frozenset([ROOT]), hears=False)
    yield Cell("kills, MQTT 3.1.1", _mixed(6), Setup(protocol="3.1.1"))


def _killed_at(moments: list[Moment]) -> Act:
    def act(site: Site, random: Random) -> None:
        killer = Killer(site)
        for number in range(KILLS_A_CELL):
            moment = moments[number % len(moments)]
            lag_s = random.uniform(0.0, moment.lag_s)
            killer.kill(Kill(moment.victim, moment, random.choice((0, 1, 3)), lag_s))

    return act


def _killed(victim: str, *, forget: bool = False, starting: bool = False) -> Act:
    def act(site: Site, random: Random) -> None:
        killer = Killer(site)
        for _ in range(KILLS_A_CELL):
            after_s = random.uniform(0.05, 1.0)
            killer.kill(Kill(victim, starting=starting, after_s=after_s, away_s=0.3, forget=forget))

    return act


def _mixed(count: int) -> Act:
    def act(site: Site, random: Random) -> None:
        killer = Killer(site)
        for number in range(count):
            victim = ("gateway", "broker", "receiver")[number % 3]
            killer.kill(Kill(victim, after_s=random.uniform(0.0, 0.6), forget=number % 2 == 0))

    return act


def power_cut(site: Site, random: Random) -> None:
    """Gateway, broker (with its state) and receiver at one instant; back in any order."""
    for _ in range(2):
        site.wait(random.uniform(0.2, 1.0))
        strikes = [site.gateway.strike, site.brokers[0].strike]
        strikes += [receiver.strike for receiver in site.receivers.values()]
        for strike in strikes:
            strike()
        site.gateway_down()
        site.broker_down(forget=True)
        for receiver in site.receivers.values():
            receiver.kill()
        back = [site.gateway_up, site.broker_up, *(receiver.start for receiver in site.receivers.values())]
        random.shuffle(back)
        for start in back:
            start()
            site.wait(random.uniform(0.0, 1.0))
        site.received_more(3)


def gateway_stopped(site: Site, random: Random) -> None:
    for _ in range(2):
        site.wait(random.uniform(0.5, 1.5))
        site.gateway_down(site.gateway.terminate)
        site.wait(1.0)
        site.gateway_up()
        site.received_more(2)


def broker_restarted(site: Site, random: Random) -> None:
    site.broker_down(politely=True)
    site.wait(random.uniform(1.0, 4.0))
    site.broker_up()


def gateway_paused(site: Site, random: Random) -> None:
    """Longer than keep-alive and will delay together; ptys fill up meanwhile."""
    start_s = time.monotonic()
    site.gateway.pause()
    site.wait(random.uniform(15.0, 18.0))
    site.gateway.resume()
    site.paused.append((start_s, time.monotonic() + 1.0))


def broker_paused(site: Site, random: Random) -> None:
    with site.impaired():
        site.brokers[0].pause()
        site.wait(random.uniform(11.0, 14.0))
        site.brokers[0].resume()


def receiver_paused(site: Site, random: Random) -> None:
    for receiver in site.receivers.values():
        with site.impaired():
            receiver.pause()
            site.wait(random.uniform(20.0, 26.0))
            receiver.resume()


def receiver_away(site: Site, _random: Random) -> None:
    receiver = next(iter(site.receivers.values()))
    receiver.kill()
    site.wait(25.0)
    receiver.start()


def receiver_joins_late(site: Site, _random: Random) -> None:
    """There was never any; its broker has no session for it either."""
    receiver = next(iter(site.receivers.values()))
    receiver.kill()
    site.broker_down(forget=True)
    site.observer.read_outputs()
    site.delete_store(receiver.name)
    site.observer.eras[receiver.name] += 1
    site.broker_up()
    site.wait(20.0)
    receiver.start()


def second_gateway(site: Site, _random: Random) -> None:
    """It has to end by itself and must not disturb the first."""
    settings = str(site.folder / "gateway.toml")
    second = Victim("second", lambda: python("gateway", "run", "--settings", settings), site.folder)
    second.start()
    ended = site.until(lambda: not second.running, 15.0)
    if not ended:
        second.kill()
    assert ended, "a second gateway runs on the data of the first"
    assert second.ended_by_itself != [0], "a second gateway ended as if all were well"


def machine_rebooted(site: Site, random: Random) -> None:
    """Another boot id, and a monotonic clock that begins anew, with alerts still waiting on disk."""
    for boot in (1, 2):
        site.gate().refuse()
        site.committed_more(4)
        site.gateway_down()
        site.prefix = rebooted(site.folder, boot)
        site.gateway_up()
        site.wait(random.uniform(0.0, 2.0))
        site.gate().listen()
        site.received_more(6)
