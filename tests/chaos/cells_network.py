"""The network between gateway, broker and receiver: gone, slow, lying, half open, cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from tests.chaos.cells import NFT, ROOT, Act, Cell
from tests.chaos.gate import Gate
from tests.chaos.packets import Kind
from tests.chaos.points import HOLD, ONE_A_SECOND, PASS, VOID, Point, Treatment, Way, When
from tests.chaos.setup import Setup
from tests.chaos.site import GATEWAY, Site

ROUTED = Setup(network="routed")


def cells() -> Iterator[Cell]:
    for who in (GATEWAY, "receiver"):
        yield Cell(f"{who} refused", _refused(who))
        yield Cell(f"{who} reset again and again", _reset(who))
        yield Cell(f"{who} held up", _treated(who, HOLD, HOLD, 14.0))
        yield Cell(f"{who} slowed to a message a second", _treated(who, ONE_A_SECOND, ONE_A_SECOND, 12.0))
        yield Cell(f"{who} delayed by 3 s", _treated(who, Treatment(3.0), Treatment(3.0), 15.0))
        yield Cell(f"{who} heard no more (up swallowed)", _swallowed(who, VOID, PASS))
        yield Cell(f"{who} hears no more (down swallowed)", _swallowed(who, PASS, VOID))
        yield Cell(f"{who} half open", _half_open(who))
        yield Cell(f"{who} not answered when it connects", _mute(who))
        yield Cell(f"{who} cut inside a packet, up", _cut(who, Way.UP))
        yield Cell(f"{who} cut inside a packet, down", _cut(who, Way.DOWN))
    yield Cell("alerts doubled on the way to the broker", _treated(GATEWAY, Treatment(copies=3), PASS, 10.0))
    yield Cell(
        "alerts doubled on the way to the receiver", _treated("receiver", PASS, Treatment(copies=3), 10.0)
    )
    yield Cell("receipts lost", _lost("receiver", Way.UP, "receipt", 16.0))
    yield Cell("heartbeats lost", _lost(GATEWAY, Way.UP, "heartbeat", 12.0))
    yield Cell("alerts lost behind the broker", _lost("receiver", Way.DOWN, "event", 12.0))
    yield Cell("network swallows everything", _blackhole("up", "down"), ROUTED, frozenset([ROOT]))
    yield Cell("network swallows what goes up", _blackhole("up"), ROUTED, frozenset([ROOT]))
    yield Cell("network swallows what comes down", _blackhole("down"), ROUTED, frozenset([ROOT]))
    yield Cell("network cable out", cable_out, ROUTED, frozenset([ROOT]))
    yield Cell("network loses 30 %", lossy, ROUTED, frozenset([ROOT, NFT]))
    yield Cell("host name gone", name_gone, replace(Setup(), names=True), frozenset([ROOT]))


def _gate(site: Site, who: str) -> Gate:
    return site.gate(GATEWAY if who == GATEWAY else next(iter(site.receivers)))


def _refused(who: str) -> Act:
    def act(site: Site, random: Random) -> None:
        _gate(site, who).refuse()
        site.wait(random.uniform(6.0, 10.0))
        _gate(site, who).listen()

    return act


def _reset(who: str) -> Act:
    def act(site: Site, random: Random) -> None:
        for _ in range(6):
            site.wait(random.uniform(0.2, 2.0))
            _gate(site, who).reset()

    return act


def _treated(who: str, up: Treatment, down: Treatment, lasts_s: float) -> Act:
    def act(site: Site, random: Random) -> None:
        _gate(site, who).treat(up, down)
        site.wait(lasts_s * random.uniform(0.8, 1.2))
        _gate(site, who).treat()

    return act


def _swallowed(who: str, up: Treatment, down: Treatment) -> Act:
    """What was swallowed is missing in the stream, so nothing sound can follow on these connections."""

    def act(site: Site, random: Random) -> None:
        _gate(site, who).treat(up, down)
        site.wait(random.uniform(11.0, 14.0))
        _gate(site, who).treat()
        _gate(site, who).reset()

    return act


def _half_open(who: str) -> Act:
    """Nobody tells the client; it has to find out."""

    def act(site: Site, random: Random) -> None:
        for _ in range(2):
            gate = _gate(site, who)
            before = gate.connections
            gate.half_open()
            assert site.until(lambda gate=gate, before=before: gate.connections > before, 60.0), (
                f"{who} never noticed that its connection is dead"
            )
            site.received_more(2)
            site.wait(random.uniform(0.5, 2.0))

    return act


def _mute(who: str) -> Act:
    def act(site: Site, random: Random) -> None:
        gate = _gate(site, who)
        gate.mute(True)
        gate.reset()
        site.wait(random.uniform(13.0, 16.0))
        gate.mute(False)

    return act


def _cut(who: str, way: Way) -> Act:
    def act(site: Site, random: Random) -> None:
        for _ in range(3):
            kind, about = random.choice(_CUT[who == GATEWAY, way])
            gate = _gate(site, who)
            skip = random.choice((0, 1, 2)) if about == "event" else 0
            armed = gate.arm(Point(way, kind, about, When.MIDDLE, skip))
            armed.fired.wait(15.0)
            gate.disarm()
            site.received_more(2)

    return act


_CUT = {
    (True, Way.UP): ((Kind.PUBLISH, "event"), (Kind.PUBLISH, "heartbeat")),
    (True, Way.DOWN): ((Kind.PUBACK, "event"), (Kind.PUBLISH, "receipt")),
    (False, Way.UP): ((Kind.PUBLISH, "receipt"), (Kind.PUBACK, "event")),
    (False, Way.DOWN): ((Kind.PUBLISH, "event"), (Kind.PUBACK, "receipt")),
}


def _lost(who: str, way: Way, about: str, lasts_s: float) -> Act:
    """The message is gone and its sender never gets an answer to it."""

    def act(site: Site, _random: Random) -> None:
        lost = Treatment(lost=frozenset([about]))
        _gate(site, who).treat(*((lost, PASS) if way is Way.UP else (PASS, lost)))
        site.wait(lasts_s)
        _gate(site, who).treat()
        _gate(site, who).reset()

    return act


def _blackhole(*ways: str) -> Act:
    def act(site: Site, random: Random) -> None:
        assert site.network is not None
        with site.impaired():
            site.network.blackhole(ways)
            site.wait(random.uniform(14.0, 18.0))
            site.network.heal()

    return act


def cable_out(site: Site, random: Random) -> None:
    assert site.network is not None
    with site.impaired():
        site.network.cable(False)
        site.wait(random.uniform(10.0, 14.0))
        site.network.cable(True)


def lossy(site: Site, _random: Random) -> None:
    assert site.network is not None
    with site.impaired():
        site.network.lossy(30)
        site.wait(20.0)
        site.network.heal()


def name_gone(site: Site, random: Random) -> None:
    site.name_known(False)
    site.gate().reset()
    site.wait(random.uniform(10.0, 14.0))
    site.name_known(True)
