"""A publisher on an outbox with everything that it reported, and what it delivered as a subscriber saw it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

from gateway.clock import HostClock
from gateway.contract.encoding import decode
from gateway.contract.types import Alert, DeliveryHealth
from gateway.contract.vocabulary import Lane
from gateway.delivery.backoff import BackoffRule
from gateway.delivery.broker_link import BACKUP, PRIMARY, BrokerOptions, LinkPhase, LinkState
from gateway.delivery.courier import CourierRules, TestAlerts
from gateway.delivery.outbox import Outbox
from gateway.delivery.path_faults import PathFault
from gateway.delivery.publisher import Publisher, PublisherRules
from gateway.delivery.window import WindowRules
from tests.support.alerts import TOPICS, commit, story
from tests.support.broker import HOST
from tests.support.mqtt_witness import Seen, Witness
from tests.support.waiting import Collector, wait_until

QUICK = BackoffRule(first_s=0.01, most_s=0.05)
EVENTS = f"{TOPICS.base}/event/+"
EVERYTHING = f"{TOPICS.base}/#"
LISTEN_TO = (TOPICS.receipt, f"{TOPICS.base}/request/+")


def rules_for(
    *receivers: str, look_again_s: float = 1.0, window: WindowRules | None = None, **courier: object
) -> PublisherRules:
    """Rules of a publisher whose alerts these receivers have to confirm; nobody: the broker's word counts."""
    names = frozenset(receivers)
    return PublisherRules(
        look_again_s=look_again_s,
        courier=CourierRules(
            receivers=receivers,
            window=replace(window or WindowRules(), receivers=names),
            **courier,  # type: ignore[arg-type]
        ),
    )


class Gateway:
    """ports: of the primary broker, and of the backup where there is one."""

    def __init__(
        self,
        outbox: Outbox,
        *ports: int,
        rules: PublisherRules | None = None,
        clock: HostClock | None = None,
        test_alerts: TestAlerts = lambda: (),
        **options: object,
    ) -> None:
        self.outbox = outbox
        self.clock = clock or HostClock()
        self.links: Collector[LinkState] = Collector()
        self.fatal: Collector[tuple[str, BaseException]] = Collector()
        # A session for each outbox, or a shared broker would bring one test's receipts to the next.
        client = f"gw-{hashlib.sha256(bytes(outbox.path)).hexdigest()[:12]}"
        plain = BrokerOptions(HOST, 0, client, backoff=QUICK, session_expiry_s=60, listen_to=LISTEN_TO)
        plain = replace(plain, **options)  # type: ignore[arg-type]
        named = zip((PRIMARY, BACKUP), ports, strict=False)
        self.publisher = Publisher(
            outbox.path,
            [replace(plain, port=port, path=path) for path, port in named],
            TOPICS,
            clock=self.clock,
            on_fatal=lambda *told: self.fatal.add(told),
            on_link=self.links.add,
            test_alerts=test_alerts,
            rules=rules,
            random=Random(1),
        )

    def commit(self, first: int, count: int) -> None:
        """Alerts `first` and on of the endless story, as the pipeline does."""
        for number in range(first, first + count):
            self.commit_alert(story(number))

    def commit_alert(self, alert: Alert) -> None:
        assert commit(self.outbox, alert, self.clock) is not None
        self.publisher.wake()

    def count(self, name: str) -> int:
        return self.publisher.counters()[name]

    def wait_phase(self, phase: LinkPhase, times: int = 1, path: str = PRIMARY) -> None:
        self.links.wait_for(
            lambda links: sum(link.phase is phase and link.path == path for link in links) >= times,
            f"{path} {phase.name}",
        )

    def wait_published_more(self, do: Callable[[], None]) -> None:
        before = self.count("alerts_published")
        do()
        wait_until(lambda: self.count("alerts_published") > before, "alerts in flight")

    def wait_delivered(self) -> None:
        wait_until(lambda: self.outbox.undelivered_count() == 0, "an outbox with everything delivered")

    def faults(self) -> set[tuple[str, str]]:
        """Code and place of each fault that stands."""
        return {(fault.code, fault.where) for fault in self.publisher.faults}

    def wait_fault(self, code: str, where: str) -> PathFault:
        wait_until(lambda: (code, where) in self.faults(), f"fault {code} of {where}")
        return next(fault for fault in self.publisher.faults if (fault.code, fault.where) == (code, where))

    def wait_no_fault(self, code: str, where: str) -> None:
        wait_until(lambda: (code, where) not in self.faults(), f"no fault {code} of {where}")

    def wait_health(self, holds: Callable[[DeliveryHealth], bool], what: str) -> None:
        def met() -> bool:
            health = self.publisher.health
            return health is not None and holds(health)

        wait_until(met, what)


@contextmanager
def publishing(
    outbox: Outbox,
    *ports: int,
    rules: PublisherRules | None = None,
    clock: HostClock | None = None,
    test_alerts: TestAlerts = lambda: (),
    **options: object,
) -> Iterator[Gateway]:
    gateway = Gateway(outbox, *ports, rules=rules, clock=clock, test_alerts=test_alerts, **options)
    gateway.publisher.start()
    try:
        yield gateway
    finally:
        gateway.publisher.stop(drain_s=0.0)
        assert gateway.fatal.items == []


def alerts(seen: Iterable[Seen]) -> list[Alert]:
    decoded = [decode(item.payload, Alert) for item in seen if "/event/" in item.topic]
    return [item for item in decoded if isinstance(item, Alert)]


def number_of(alert: Alert) -> int:
    """Its number in the story."""
    return int(alert.event_id, 16) * 4 + alert.revision


def firsts(seen: Iterable[Seen]) -> list[int]:
    """Numbers in the story in the order in which they were first seen."""
    return list(dict.fromkeys(number_of(alert) for alert in alerts(seen)))


def has_all(first: int, count: int) -> Callable[[list[Seen]], bool]:
    return lambda seen: set(firsts(seen)) >= set(range(first, first + count))


def assert_all_in_order(witness: Witness, count: int) -> None:
    """Alerts 0 to count of the story, all live, each at least once, in order of commit and of their numbers,
    none retained."""
    seen = witness.seen.wait_for(has_all(0, count), f"{count} alerts")
    assert firsts(seen) == list(range(count))
    assert not any(item.retained for item in seen if "/event/" in item.topic)
    for alert in alerts(seen):
        assert (alert.lane, alert.seq) == (Lane.LIVE, number_of(alert) + 1)
        assert alert.phase is story(number_of(alert)).phase


def assert_no_holes(seen: Iterable[Seen]) -> None:
    """In each lane every number from 1 to the last, and each for one revision only."""
    given: dict[tuple[str | None, Lane, int | None], set[tuple[str, int]]] = {}
    for alert in alerts(seen):
        key = (alert.numbering, alert.lane, alert.seq)
        given.setdefault(key, set()).add((alert.event_id, alert.revision))
    assert all(len(revisions) == 1 for revisions in given.values()), given
    for numbering, lane in {key[:2] for key in given}:
        numbers = sorted(seq or 0 for name, of, seq in given if (name, of) == (numbering, lane))
        assert numbers == list(range(1, len(numbers) + 1)), (lane, numbers)
