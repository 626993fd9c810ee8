"""A courier's life by chance: brokers break, stall, refuse and lose, receivers go and come, the disk refuses.

Seeded. Afterwards everything is well again, and `calm` lets the courier finish.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from gateway.contract.types import Alert
from gateway.contract.vocabulary import Command, Lane, Phase
from gateway.delivery.broker_link import PRIMARY, Heard
from gateway.delivery.courier import CourierRules
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.window import WindowRules
from tests.support.alerts import TOPICS, alert
from tests.support.courier_world import Posted, World

NOT_AUTHORISED = 0x87
WRITES = ("give_numbers", "mark_received", "mark_acknowledged", "remember_boot", "count_hour", "prune")


@dataclass(frozen=True, slots=True)
class Troubles:
    """What may happen in this life. loses: a broker acknowledges and passes nothing on."""

    breaks: bool = True
    stalls: bool = False
    refuses: bool = False
    loses: bool = False
    leaves: bool = True
    disk: bool = False
    restarts: bool = False
    backup: bool = False


@dataclass(slots=True)
class LifeReceiver:
    """present: it takes what the brokers keep for it. got: every arrival, first and later ones."""

    name: str
    present: bool = True
    got: list[Alert] = field(default_factory=list)
    kept: dict[str, deque[Alert]] = field(default_factory=dict)

    def firsts(self) -> list[tuple[str, int]]:
        return list(dict.fromkeys((one.event_id, one.revision) for one in self.got))


class Life:
    def __init__(self, folder: Path, seed: int, troubles: Troubles, receivers: int = 1) -> None:
        self.chance = Random(seed)
        self.troubles = troubles
        names = ("room", "desk", "tower")[:receivers]
        window = WindowRules(
            receivers=frozenset(names),
            most_in_flight=self.chance.randint(1, 16),
            most_unreceived=self.chance.randint(1, 20),
            most_retry_s=60.0,
            most_refused_s=8.0,
        )
        rules = CourierRules(receivers=names, window=window, prune_every_s=5.0)
        self.world = World(
            folder,
            rules,
            backup=troubles.backup,
            receive_maximum=self.chance.choice([1, 2, 3, 10, 20, 65535]),
        )
        self.receivers = [
            LifeReceiver(name, kept={link: deque() for link in self.world.links}) for name in names
        ]
        self.committed: list[tuple[str, int]] = []
        self.disk_refuses = False
        self.disk_refused = False
        self._stalled: set[str] = set()
        self._answers: dict[str, deque[tuple[Posted, int]]] = {link: deque() for link in self.world.links}
        self._open: dict[int, int] = {}
        self._events = 0
        self._watch_disk()

    # The gateway.

    def _watch_disk(self) -> None:
        outbox = self.world.outbox
        for name in WRITES:
            real = getattr(Outbox, name).__get__(outbox)

            def write(*given: object, real=real, **named: object) -> object:  # type: ignore[no-untyped-def]
                if self.disk_refuses:
                    self.disk_refused = True
                    raise OutboxError(OutboxFault.FULL, outbox.path)
                return real(*given, **named)

            setattr(outbox, name, write)

    def _commit(self) -> None:
        """One more revision of a new or an open event."""
        if not self._open or self.chance.random() < 0.3:
            self._events += 1
            self._open[self._events] = 0
            one = alert(self._events)
        else:
            event = self.chance.choice(list(self._open))
            self._open[event] += 1
            ends = self.chance.random() < 0.4
            one = alert(event, self._open[event], Phase.END if ends else Phase.UPDATE)
            if ends:
                del self._open[event]
        if self.troubles.disk and self.chance.random() < 0.2:
            self.world.unstored(one)  # the disk took it at the second try only
        self.world.commit(one)
        self.committed.append((one.event_id, one.revision))

    def _break(self) -> None:
        name = self.chance.choice(list(self.world.links))
        if self.world.links[name].connected:
            self._lose(name)
        else:
            self.world.connect(name)

    def _lose(self, name: str) -> None:
        self._answers[name].clear()
        self.world.lose(name)

    def _restart(self) -> None:
        for answers in self._answers.values():
            answers.clear()
        self.world.restart(boot=f"boot-{self.chance.getrandbits(32)}" if self.chance.random() < 0.5 else None)
        self._watch_disk()

    # Brokers and receivers.

    def _broker(self, name: str, well: bool) -> None:
        """Take some messages, pass them on, answer some."""
        if name in self._stalled:
            return
        for posted in self.world.take(name, most=None if well else self.chance.randint(0, 6)):
            refused = not well and self.troubles.refuses and self.chance.random() < 0.2
            if not refused:
                self._pass_on(name, posted, well)
            self._answers[name].append((posted, NOT_AUTHORISED if refused else 0))
        for _ in range(len(self._answers[name]) if well else self.chance.randint(0, 6)):
            if self._answers[name]:
                posted, reason = self._answers[name].popleft()
                self.world.answer(posted, reason=reason)

    def _pass_on(self, name: str, posted: Posted, well: bool) -> None:
        if posted.alert is not None:
            for receiver in self.receivers:
                if well or not (self.troubles.loses and self.chance.random() < 0.3):
                    receiver.kept[name].append(posted.alert)

    def _receive(self, receiver: LifeReceiver, well: bool) -> None:
        """Take what brokers keep for it and give receipts, some of which get lost when brokers lose."""
        for name, kept in receiver.kept.items():
            link = self.world.links[name]
            batch = [kept.popleft() for _ in range(len(kept) if well else min(len(kept), 3))]
            receiver.got += batch
            lost = not well and self.troubles.loses and self.chance.random() < 0.3
            if link.connected and not lost and (batch or self.chance.random() < 0.5):
                self.world.tell(receiver.name, *batch, beat=0, path=name)
            if link.connected and not well and self.chance.random() < 0.05:
                self._ask_again(receiver, name)

    def _ask_again(self, receiver: LifeReceiver, name: str) -> None:
        first = self.chance.randint(1, 1 + len(self.committed))
        self.world.ask(
            receiver.name,
            Command.RESEND,
            path=name,
            numbering=self.world.outbox.numbering,
            lane=self.chance.choice(list(Lane)),
            first_seq=first,
            last_seq=first + self.chance.randint(0, 5),
        )

    # Time.

    def live(self, steps: int) -> None:
        self.world.connect(PRIMARY)
        for _ in range(steps):
            self._trouble()
            if self.chance.random() < 0.4:
                self._commit()
            self._step(well=False)

    def _trouble(self) -> None:
        troubles, chance = self.troubles, self.chance.random()
        if troubles.breaks and chance < 0.05:
            self._break()
        elif troubles.stalls and chance < 0.08:
            self._stalled ^= {self.chance.choice(list(self.world.links))}
        elif troubles.leaves and chance < 0.12:
            receiver = self.chance.choice(self.receivers)
            receiver.present = not receiver.present
        elif troubles.disk and chance < 0.15:
            self.disk_refuses = not self.disk_refuses
        elif troubles.restarts and chance < 0.16:
            self._restart()

    def _step(self, *, well: bool) -> None:
        after_s = self.chance.choice([0.0, 0.05, 0.3, 1.0, 3.0] + [45.0] * (self.chance.random() < 0.1))
        self.world.round(after_s)
        for name, link in self.world.links.items():
            if link.drops:
                link.drops.clear()
                if link.connected:
                    self._lose(name)
            if link.connected:
                self._broker(name, well)
        for receiver in self.receivers:
            if receiver.present:
                self._receive(receiver, well)
        if self.chance.random() < 0.02:
            self.world._heard.append(Heard(PRIMARY, TOPICS.receipt, self.chance.randbytes(20), False))

    def calm(self, most_steps: int = 3000) -> None:
        """Everything is well; until all is delivered."""
        self._stalled.clear()
        self.disk_refuses = False
        for receiver in self.receivers:
            receiver.present = True
        for name, link in self.world.links.items():
            if not link.connected:
                self.world.connect(name)
        for _ in range(most_steps):
            self._step(well=True)
            for name, link in self.world.links.items():
                if not link.connected:
                    self.world.connect(name)
            if self.world.outbox.undelivered_count() == 0 and self.world.courier.idle:
                return
        raise AssertionError(f"{self.world.outbox.undelivered_count()} rows are still not delivered")
