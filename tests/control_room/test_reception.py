"""All decisions of a receiver against a scripted gateway: no clock, no network, crashes at every step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from control_room.changes import BadMessage, Change, GatewayChange, Ignored, SensorChange, Step
from control_room.commitment import Boot
from control_room.inbox import Item
from control_room.ledger import Ledger
from control_room.ledger_error import LedgerError, LedgerFault
from control_room.line import LinePhase, LineState, Message, Sent, Taken
from control_room.notices import (
    Arrival,
    EndUnheard,
    GapFilled,
    GapFound,
    GapLost,
    GatewayHeard,
    GatewaySilent,
    NotHeard,
    Notice,
    NotShown,
    StoreTrouble,
)
from control_room.reception import Handlers, Part, Reception
from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_STATUS, RECEIPT, REQUEST, RESPONSE, SENSOR_AVAILABILITY
from gateway.contract.types import Alert, replace
from gateway.contract.vocabulary import Command, Lane, Phase, Presence, Status
from tests.control_room.scripted_gateway import Posting, ScriptedGateway, in_lanes
from tests.support.alerts import TOPICS, alert, story

PATHS = ("primary", "backup")
BOOT = Boot("this boot")
CLOCK_START_S = 1000.0


class Crash(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class Room:
    """A receiver's decisions, its store, and everything that it told; begin() it, again after a crash."""

    store: Path
    part: Part = field(default_factory=lambda: Part("room"))
    lines_used: tuple[str, ...] = PATHS[:1]
    now_s: float = CLOCK_START_S
    published: list[tuple[str, str, bytes]] = field(default_factory=list)
    acknowledged: list[Message] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    dying: Callable[[str], None] = lambda point: None
    renewed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    runs: int = 0
    ledger: Ledger | None = None
    reception: Reception | None = None

    def begin(self, boot: Boot = BOOT) -> Room:
        self.runs += 1
        self.ledger = Ledger.open(self.store)
        handlers = Handlers(self._alert, self.notices.append, self._change)
        self.reception = Reception(
            self.part,
            self.ledger,
            self,
            self.lines_used,
            handlers,
            prefix=f"run{self.runs}",
            now_s=self.now_s,
            boot=boot,
        )
        self.reception.begin(self.now_s)
        for path in self.lines_used:
            self.line(path)
        return self

    def end(self) -> None:
        assert self.ledger is not None
        self.ledger.close()

    def line(self, path: str = "primary", phase: LinePhase = LinePhase.CONNECTED) -> None:
        self.give(LineState(phase, f"mqtt://{path}", path=path))

    def give(self, *items: Item) -> None:
        assert self.reception is not None
        self.reception.process(items, self.now_s)

    def post(self, *postings: Posting, path: str = "primary", retained: bool = False) -> None:
        self.give(*(message(one, path, retained) for one in postings))

    def wait(self, seconds: float, gateway: ScriptedGateway | None = None) -> None:
        """Time passes in ticks, with heartbeats of a gateway if one is given."""
        assert self.reception is not None
        for _ in range(round(seconds)):
            self.now_s += 1.0
            if gateway is not None and round(self.now_s) % 2 == 0:
                self.post(gateway.heartbeat())
            self.reception.tick(self.now_s)

    def tell(self, gateway: ScriptedGateway) -> list[Posting]:
        """Let the gateway hear what was published; its answers."""
        published, self.published = self.published, []
        return [answer for _, topic, payload in published for answer in gateway.hear(topic, payload)]

    def publish(self, path: str, topic: str, payload: bytes) -> Sent | None:
        self.dying("publish")
        self.published.append((path, topic, payload))
        return Sent(path, 1, len(self.published))

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.dying("acknowledge")
        self.acknowledged.extend(messages)

    def renew(self, path: str) -> None:
        self.renewed.append(path)

    def drop(self, path: str) -> None:
        self.dropped.append(path)

    def shown(self) -> list[tuple[str, int]]:
        return [(one.alert.event_id, one.alert.revision) for one in self.arrivals]

    def _alert(self, arrival: Arrival) -> None:
        self.dying("before the handler")
        self.arrivals.append(arrival)
        self.dying("after the handler")

    def _change(self, change: Change, _message: Message) -> None:
        if not isinstance(change, Ignored):
            self.changes.append(change)


def message(posting: Posting, path: str = "primary", retained: bool = False) -> Message:
    return Message(posting[0], posting[1], retained, path, 1, 1)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "room.db").begin()


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


# Receipts.


def test_an_alert_is_stored_shown_and_receipted_in_this_order(room: Room, gateway: ScriptedGateway) -> None:
    order: list[str] = []

    def note(point: str) -> None:
        assert room.ledger is not None
        order.append(f"{point}, {len(room.ledger.revisions())} stored")

    room.dying = note
    room.post(gateway.event(gateway.add(alert(1))))
    assert order == [
        "acknowledge, 1 stored",
        "before the handler, 1 stored",
        "after the handler, 1 stored",
        "publish, 1 stored",
    ]
    room.tell(gateway)
    assert gateway.unreceived() == []


def test_an_alert_that_comes_again_is_receipted_again_and_not_shown_again(
    room: Room, gateway: ScriptedGateway
) -> None:
    row = gateway.add(alert(1))
    for path in ("primary", "primary"):
        room.post(gateway.event(row), path=path)
        assert len(room.published) == 1
        room.tell(gateway)
        assert gateway.unreceived() == []
        gateway.received.clear()
    assert room.shown() == [(row.event_id, 0)]


def test_late_and_impossible_revisions_are_receipted_and_take_nothing_back(
    room: Room, gateway: ScriptedGateway
) -> None:
    rows = [gateway.add(one) for one in (story(0), story(1), story(2), story(3), alert(0, 9, Phase.UPDATE))]
    for row in (rows[2], rows[0], rows[3], rows[1], rows[4]):
        room.post(gateway.event(row))
    room.tell(gateway)
    assert gateway.unreceived() == []
    assert [(one.alert.revision, one.step) for one in room.arrivals] == [(2, Step.UPDATED), (3, Step.ENDED)]


def test_many_alerts_are_one_commit_and_one_receipt(room: Room, gateway: ScriptedGateway) -> None:
    rows = [gateway.add(story(number)) for number in range(150)]
    room.post(*(gateway.event(row) for row in rows))
    assert len(room.published) == 1
    assert len(room.acknowledged) == 150
    room.tell(gateway)
    assert gateway.unreceived() == []


def test_a_copy_that_the_gateway_could_not_store_and_the_stored_one_are_one_alert(
    room: Room, gateway: ScriptedGateway
) -> None:
    row = gateway.add(alert(1))
    room.post(gateway.heartbeat(live_seq=0))
    room.post(gateway.event(row, seq=None, numbering=None, durable=False))
    room.post(gateway.event(row))
    room.wait(20, gateway)
    assert len(room.arrivals) == 1
    assert not any(isinstance(notice, GapFound) for notice in room.notices)


def test_the_same_alert_by_two_lines_is_shown_once(tmp_path: Path, gateway: ScriptedGateway) -> None:
    room = Room(tmp_path / "room.db", lines_used=PATHS).begin()
    rows = [gateway.add(story(number)) for number in range(8)]
    for row in rows:
        for path in PATHS:
            room.post(gateway.event(row), path=path)
    assert len(room.arrivals) == 8
    room.give(*(message(gateway.event(gateway.add(story(8))), path) for path in PATHS))
    assert len(room.arrivals) == 9


def test_what_rings(room: Room, gateway: ScriptedGateway) -> None:
    old, backlog = {"historical": True}, {"lane": Lane.HISTORICAL}
    test, exercise = {"status": Status.TEST}, {"status": Status.EXERCISE}
    for number, changes in enumerate(({}, old, test, exercise, backlog)):
        room.post(gateway.event(gateway.add(alert(number, **changes))))
    assert [(one.rings, one.counts) for one in room.arrivals] == [
        (True, True),
        (False, True),
        (False, False),
        (False, False),
        (True, True),  # it waited, but not for long
    ]


def test_receipts_wait_for_a_line_and_go_again_when_one_broke(room: Room, gateway: ScriptedGateway) -> None:
    room.post(gateway.event(gateway.add(alert(1))))
    room.published.clear()  # it broke before the broker had it
    room.line(phase=LinePhase.LOST)
    assert room.published == []
    room.line()
    room.tell(gateway)
    assert gateway.unreceived() == []
    room.give(Taken(Sent("primary", 1, 1), 0))
    room.line(phase=LinePhase.LOST)
    room.line()
    assert room.published == []


def test_a_broker_that_refuses_receipts_is_told_of_once(room: Room, gateway: ScriptedGateway) -> None:
    for number in range(3):
        room.post(gateway.event(gateway.add(alert(number))))
        room.give(Taken(Sent("primary", 1, 1), 0x87))
    assert room.notices == [NotHeard("primary", 0x87)]


# Heartbeats, silence, open events.


def test_heartbeats_are_answered_on_their_line_and_silence_is_told(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    room = Room(tmp_path / "room.db", lines_used=PATHS).begin()
    room.post(gateway.heartbeat(), path="backup")
    assert [path for path, topic, _ in room.published if topic == TOPICS.receipt] == ["backup"]
    room.tell(gateway)
    assert gateway.beats_answered == [1]
    room.wait(7)
    assert room.notices == [GatewaySilent("harbour", "gw-1", 7.0)]
    room.post(gateway.heartbeat())
    assert room.notices[1:] == [GatewayHeard("harbour", "gw-1", 7.0)]


def test_a_line_by_which_nothing_comes_any_more_is_tried_anew_once(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    room = Room(tmp_path / "room.db", lines_used=PATHS).begin()
    other = ScriptedGateway(gateway="gw-2")
    for path in PATHS:
        room.post(gateway.heartbeat(), other.heartbeat(), path=path)
    room.wait(20, gateway)  # one gateway goes on, by the first line
    assert room.dropped == ["backup"]
    room.line("backup", LinePhase.LOST)
    room.line("backup")
    room.wait(20, gateway)
    assert room.dropped == ["backup"]  # it was not the line
    room.post(gateway.heartbeat(), path="backup")
    room.wait(20)
    assert room.dropped == ["backup", "backup", "primary"]


def test_a_line_that_says_itself_that_its_gateway_is_gone_is_alive(
    room: Room, gateway: ScriptedGateway
) -> None:
    room.post(gateway.heartbeat())
    room.post((TOPICS.status, encode(replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="stopped"))))
    room.wait(60)
    assert room.dropped == []


def test_a_program_that_was_stopped_itself_blames_nobody(room: Room, gateway: ScriptedGateway) -> None:
    room.post(gateway.heartbeat())
    room.now_s += 120.0
    room.wait(1)
    assert room.notices == []


def test_who_joins_late_gets_what_is_open_and_nothing_that_is_over(
    room: Room, gateway: ScriptedGateway
) -> None:
    for number in range(11):  # two events are over, the third goes on
        gateway.add(story(number))
    gateway.add(alert(77, historical=True))
    room.post(gateway.heartbeat())
    room.wait(1)
    room.post(*room.tell(gateway))
    assert [(one.alert.event_id, one.alert.revision) for one in room.arrivals] == [
        (alert(2).event_id, 2),
        (alert(77).event_id, 0),
    ]
    assert all(one.asked for one in room.arrivals)
    assert [one.rings for one in room.arrivals] == [True, False]
    room.wait(60, gateway)
    room.tell(gateway)
    assert [command for command, _ in gateway.requests] == [Command.OPEN]
    assert gateway.unreceived()[0].event_id == alert(0).event_id  # nobody asked for what is over
    assert not any(isinstance(notice, GapFound) for notice in room.notices)


def test_an_answer_whose_age_nobody_knows_does_not_ring(room: Room, gateway: ScriptedGateway) -> None:
    row = gateway.add(alert(1))
    room.post(gateway.heartbeat())
    room.wait(1)
    (request,) = [payload for _, topic, payload in room.published if "/request/open" in topic]
    answer = replace(
        RESPONSE, transaction="run1-1", receiver="room", resent=0, alerts=(replace(row, age_s=None),)
    )
    assert b'"run1-1"' in request
    room.post((TOPICS.response(Command.OPEN), encode(answer)))
    assert [one.rings for one in room.arrivals] == [False]


def test_an_event_that_its_gateway_no_longer_knows_is_closed_when_its_end_does_not_come(
    room: Room, gateway: ScriptedGateway
) -> None:
    rows = [gateway.add(alert(number)) for number in (1, 2, 3)]
    room.post(*(gateway.event(row) for row in rows))
    room.post(gateway.event(alert(4, durable=False, seq=None, numbering=None)))  # on no disk of the gateway
    room.post(gateway.heartbeat())
    room.now_s += 1.0
    gateway.rows = rows[1:2]  # the others are over, and it kept nothing of them
    room.wait(1)
    room.post(*room.tell(gateway))
    room.post(gateway.event(alert(3, 1, Phase.END, seq=None, numbering=None)))  # this end was on its way
    room.wait(59)
    assert not any(isinstance(notice, EndUnheard) for notice in room.notices)
    room.wait(3)
    unheard = [notice for notice in room.notices if isinstance(notice, EndUnheard)]
    assert unheard == [EndUnheard("harbour", "gw-1", alert(1).event_id)]
    assert room.ledger is not None
    open_here = [one.event_id for one in room.ledger.open_events()]
    assert open_here == [alert(2).event_id, alert(4).event_id]
    before = len(room.arrivals)
    room.post(gateway.event(alert(1, 1, Phase.UPDATE)))
    assert len(room.arrivals) == before  # nothing opens it again


def test_a_gateway_that_said_goodbye_is_not_called_silent(room: Room, gateway: ScriptedGateway) -> None:
    room.post(gateway.heartbeat(), (TOPICS.status, encode(GATEWAY_STATUS)))
    room.post((TOPICS.status, encode(replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="stopped"))))
    room.wait(20)
    room.post(gateway.heartbeat())
    assert room.notices == []


@pytest.mark.parametrize(
    "changes", [{"receiver": "somebody"}, {"transaction": "run0-1"}, {"transaction": "run1-9"}]
)
def test_answers_to_others_are_left_alone(
    room: Room, gateway: ScriptedGateway, changes: dict[str, str]
) -> None:
    room.post(gateway.heartbeat())
    room.wait(1)
    foreign = replace(
        RESPONSE, **{"transaction": "run1-1", "receiver": "room", "resent": 0} | changes, alerts=(alert(1),)
    )
    room.post((TOPICS.response(Command.OPEN), encode(foreign)))
    assert room.arrivals == []


# Gaps.


def test_a_gap_is_found_asked_for_and_filled(room: Room, gateway: ScriptedGateway) -> None:
    rows = [gateway.add(story(number)) for number in range(8)]
    for row in rows[:2] + rows[5:7]:
        room.post(gateway.event(row))
    room.wait(12, gateway)
    room.post(*room.tell(gateway))
    room.wait(12, gateway)
    room.post(*room.tell(gateway))
    room.tell(gateway)
    found = [notice for notice in room.notices if isinstance(notice, GapFound)]
    assert [(one.first, one.last, one.asked) for one in found] == [(3, 5, True), (8, 8, True)]
    assert isinstance(room.notices[-1], GapFilled)
    assert gateway.unreceived() == []
    asked = [(one.first_seq, one.last_seq) for command, one in gateway.requests if command is Command.RESEND]
    assert asked == [(3, 5), (8, 8)]


def test_a_gap_that_cannot_be_filled_is_told_and_left(room: Room, gateway: ScriptedGateway) -> None:
    rows = [gateway.add(story(number)) for number in range(4)]
    gateway.gone = {(Lane.LIVE, 2), (Lane.LIVE, 3)}
    room.post(gateway.event(rows[0]), gateway.event(rows[3]))
    for _ in range(10):
        room.wait(10, gateway)
        room.post(*room.tell(gateway))
    assert GapLost("harbour", "gw-1", Lane.LIVE, 2) in room.notices
    assert [command for command, _ in gateway.requests].count(Command.RESEND) == 1


def test_when_nothing_but_heartbeats_comes_the_session_is_begun_anew(
    room: Room, gateway: ScriptedGateway
) -> None:
    """A broker that holds back its messages for us, and with them every answer."""
    room.post(gateway.event(gateway.add(alert(1))), gateway.heartbeat())
    for number in range(2, 5):
        gateway.add(alert(number))
    room.wait(60, gateway)
    assert room.renewed == []
    room.wait(60, gateway)
    assert room.renewed == ["primary"]
    room.wait(60, gateway)
    assert room.renewed == ["primary"]
    room.line(phase=LinePhase.LOST)
    room.line()
    room.wait(10, gateway)
    room.post(*room.tell(gateway))
    room.tell(gateway)
    assert gateway.unreceived() == []


def test_a_gateway_that_answers_no_request_but_sends_alerts_is_left_alone(
    room: Room, gateway: ScriptedGateway
) -> None:
    room.post(gateway.event(gateway.add(alert(1))))
    gateway.add(alert(2))
    for number in range(3, 20):
        room.post(gateway.event(gateway.add(alert(number))))
        room.wait(20, gateway)
    assert room.renewed == []


def test_live_alerts_that_overtake_the_backlog_are_no_gap(room: Room, gateway: ScriptedGateway) -> None:
    backlog = {alert(number).event_id for number in range(5)}
    rows = [gateway.add(one) for one in in_lanes([story(number) for number in range(40)], backlog)]
    live = [row for row in rows if row.lane is Lane.LIVE]
    rest = [row for row in rows if row.lane is Lane.HISTORICAL]
    for number, row in enumerate(rest):
        room.post(gateway.event(row), *(gateway.event(one) for one in live[number : number + 1]))
        room.wait(1, gateway)
    assert not any(isinstance(notice, GapFound) for notice in room.notices)
    assert len(room.arrivals) == 40
    begun = [row for row in live if row.phase is not Phase.END]
    assert sum(one.rings for one in room.arrivals) == len(begun)


def test_who_only_looks_publishes_nothing_but_the_question(tmp_path: Path, gateway: ScriptedGateway) -> None:
    room = Room(tmp_path / "room.db", part=Part("watch-1", confirms=False)).begin()
    gateway.receiver = "watch-1"
    rows = [gateway.add(story(number)) for number in range(3)]
    room.post(gateway.event(rows[0]), gateway.event(rows[2]), gateway.heartbeat())
    room.wait(30, gateway)
    assert [topic for _, topic, _ in room.published] == [TOPICS.request(Command.OPEN)] * 2  # no answer yet
    assert GapFound("harbour", "gw-1", Lane.LIVE, 2, 2, asked=False) in room.notices
    mute = Room(tmp_path / "mute.db", part=Part("watch-1", confirms=False, asks=False)).begin()
    mute.post(gateway.heartbeat())
    mute.wait(30, gateway)
    assert mute.published == []


# What is not to be believed.


def test_rubbish_is_told_acknowledged_and_never_receipted(room: Room, gateway: ScriptedGateway) -> None:
    good = gateway.add(alert(1))
    bad: list[Posting] = [
        ("no/such/topic", b"{}"),
        (TOPICS.event("scream"), b"\xff" * 100),
        (TOPICS.event("scream"), b"{" * 3_000_000),
        (TOPICS.event("scream"), encode(alert(2, gateway="gw-2"))),
        (TOPICS.event("shout"), encode(alert(3))),
        (TOPICS.heartbeat, b"[]"),
        (TOPICS.response(Command.OPEN), b"null"),
        (TOPICS.event("scream"), encode(alert(4, 2**62))),
    ]
    room.post(*bad[:4], gateway.event(good), *bad[4:])
    assert len(room.acknowledged) == 9
    assert sum(isinstance(change, BadMessage) for change in room.changes) == 8
    assert room.shown() == [(good.event_id, 0)]
    room.tell(gateway)
    assert gateway.received == {(good.event_id, 0)}


def test_what_a_broker_had_retained_does_not_happen_again(room: Room, gateway: ScriptedGateway) -> None:
    row = gateway.add(alert(1))
    room.post(gateway.event(row), gateway.heartbeat(), retained=True)
    room.post((TOPICS.response(Command.OPEN), encode(replace(RESPONSE, alerts=(row,)))), retained=True)
    room.wait(10)
    assert (room.arrivals, room.published, room.notices) == ([], [], [])
    assert len(room.acknowledged) == 3


def test_other_receivers_receipts_and_requests_are_nothing_to_us(room: Room) -> None:
    room.post((TOPICS.receipt, encode(RECEIPT)), (TOPICS.request(Command.RESEND), encode(REQUEST)))
    assert (room.published, room.changes, room.arrivals) == ([], [], [])


def test_an_event_of_one_gateway_is_not_ended_by_another(room: Room, gateway: ScriptedGateway) -> None:
    other = ScriptedGateway(gateway="gw-2", numbering="0" * 16)
    room.post(gateway.event(gateway.add(alert(1))), other.event(other.add(alert(1, 1, Phase.END))))
    room.post(gateway.event(gateway.add(alert(1, 1, Phase.UPDATE))))
    assert [(one.alert.gateway, one.step) for one in room.arrivals] == [
        ("gw-1", Step.STARTED),
        ("gw-2", Step.ENDED),
        ("gw-1", Step.UPDATED),
    ]


def test_changes_and_alerts_are_told_in_the_order_in_which_they_came(
    room: Room, gateway: ScriptedGateway
) -> None:
    told: list[str] = []
    room.dying = lambda point: told.append(point) if "handler" in point else None
    gone = replace(GATEWAY_STATUS, state=Presence.OFFLINE)
    room.post(
        (TOPICS.status, encode(GATEWAY_STATUS)),
        gateway.event(gateway.add(alert(1))),
        (TOPICS.sensor_availability("square-north"), encode(SENSOR_AVAILABILITY)),
        (TOPICS.status, encode(gone)),
    )
    assert room.changes == [
        GatewayChange(GATEWAY_STATUS, 0),
        SensorChange(SENSOR_AVAILABILITY),
        GatewayChange(gone, 1),
    ]
    assert len(room.acknowledged) == 4


# A store that fails.


class FailingLedger:
    """Lets a ledger fail for as long as `fails`."""

    def __init__(self, room: Room) -> None:
        assert room.ledger is not None
        self.fails = True
        self._commit = room.ledger.commit
        room.ledger.commit = self._maybe  # type: ignore[method-assign]

    def _maybe(self, *arguments: object, **options: object) -> object:
        if self.fails:
            raise LedgerError(LedgerFault.FULL, Path("/store"))
        return self._commit(*arguments, **options)  # type: ignore[arg-type]


def test_when_the_store_fails_alerts_are_shown_and_held_and_nothing_is_confirmed(
    room: Room, gateway: ScriptedGateway
) -> None:
    room.post(gateway.event(gateway.add(alert(5))))
    disk = FailingLedger(room)
    rows = [gateway.add(story(number)) for number in range(3)]
    for row in (*rows, rows[0]):
        room.post(gateway.event(row))
    assert [one.stored for one in room.arrivals] == [True, False, False, False]
    assert len(room.acknowledged) == 5  # a broker that waits would hold back the next alerts
    assert [type(notice) for notice in room.notices] == [StoreTrouble]
    room.tell(gateway)
    assert gateway.unreceived() == rows
    disk.fails = False
    room.wait(5)
    room.tell(gateway)
    assert gateway.unreceived() == []
    assert room.notices[1:] == [StoreTrouble(None)]
    assert len(room.arrivals) == 4
    room.end()
    room.begin()
    assert len(room.arrivals) == 4  # and they count as shown


def test_it_is_tried_again_at_growing_intervals(room: Room, gateway: ScriptedGateway) -> None:
    FailingLedger(room)
    assert room.ledger is not None
    tries: list[float] = []
    failing = room.ledger.commit

    def counted(*arguments: object, **options: object) -> object:
        tries.append(room.now_s)
        return failing(*arguments, **options)  # type: ignore[arg-type]

    room.ledger.commit = counted  # type: ignore[method-assign, assignment]
    room.post(gateway.event(gateway.add(alert(1))))
    room.wait(200)
    waits = [b - a for a, b in itertools.pairwise(tries)]
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert max(waits) == 30.0
    assert len(room.notices) == 1


# Crashes.


@pytest.mark.parametrize("point", ["acknowledge", "before the handler", "after the handler", "publish"])
def test_a_crash_at_each_step_loses_nothing_and_doubles_nothing_unsaid(
    room: Room, gateway: ScriptedGateway, point: str
) -> None:
    row = gateway.add(alert(1))

    def die(reached: str) -> None:
        if reached == point:
            raise Crash

    room.dying = die
    with pytest.raises(Crash):
        room.post(gateway.event(row))
    room.dying = lambda reached: None
    room.end()
    room.now_s += 5.0
    room.begin()
    room.post(gateway.event(row))  # its gateway has no receipt
    room.tell(gateway)
    assert gateway.unreceived() == []
    shown = [one.again for one in room.arrivals]
    assert (
        shown
        == {
            "acknowledge": [True],
            "before the handler": [True],
            "after the handler": [False, True],
            "publish": [False],
        }[point]
    )
    assert all(one.rings for one in room.arrivals)


def test_what_is_handed_over_again_long_after_does_not_ring(room: Room, gateway: ScriptedGateway) -> None:
    def die(point: str) -> None:
        if point == "before the handler":
            raise Crash

    for away_s, boot, rings in ((31.0, BOOT, False), (5.0, Boot("next boot"), False), (5.0, BOOT, True)):
        room.dying = die
        with pytest.raises(Crash):
            room.post(gateway.event(gateway.add(alert(len(gateway.rows)))))
        room.dying = lambda point: None
        room.end()
        room.now_s += away_s
        room.begin(boot)
        assert (room.arrivals[-1].rings, room.arrivals[-1].again) == (rings, True)
        room.end()
        room.begin()


def test_a_handler_that_fails_on_one_alert_does_not_stop_the_others_for_ever(
    room: Room, gateway: ScriptedGateway
) -> None:
    poison = gateway.add(alert(13))

    def handle(arrival: Arrival) -> None:
        if arrival.alert.event_id == poison.event_id:
            raise ValueError("unlucky")
        Room._alert(room, arrival)

    def restart() -> None:
        room.end()
        room.ledger = Ledger.open(room.store)
        handlers = Handlers(handle, room.notices.append)
        room.reception = Reception(
            room.part, room.ledger, room, PATHS[:1], handlers, prefix="again", now_s=room.now_s, boot=BOOT
        )
        room.reception.begin(room.now_s)

    restart()
    room.line()
    batch = [gateway.event(row) for row in (gateway.add(alert(1)), poison, gateway.add(alert(2)))]
    with pytest.raises(ValueError, match="unlucky"):
        room.post(*batch)
    room.tell(gateway)
    assert gateway.received == set()  # nothing was published any more
    for _ in range(3):
        with pytest.raises(ValueError, match="unlucky"):
            restart()
    restart()
    assert room.notices == [NotShown(poison)]
    assert [one.alert.event_id for one in room.arrivals] == [alert(1).event_id, alert(2).event_id]


class World:
    """One gateway, one receiver that crashes at random, messages lost, doubled and turned around."""

    def __init__(self, seed: int, store: Path) -> None:
        self.chance = Random(seed)
        self.luck = 0.97
        self.crashes = 0
        self.gateway = ScriptedGateway()
        self.room = Room(store, lines_used=PATHS).begin()
        self.room.dying = self._die

    def _die(self, point: str) -> None:
        if point == "publish" and self.room.published:
            self._check_receipts()
        if self.chance.random() > self.luck:
            raise Crash(point)

    def _check_receipts(self) -> None:
        """What was confirmed is in the store at that moment."""
        assert self.room.ledger is not None
        stored = {row[2:4] for row in self.room.ledger.revisions()}
        heard = ScriptedGateway()
        for _, topic, payload in self.room.published:
            if topic.endswith("/receipt"):
                heard.hear(topic, payload)
        assert heard.received <= stored

    def survive(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Crash:
            self.crashes += 1
            assert self.room.reception is not None
            self.room.end()
            while True:
                try:
                    self.room.now_s += self.chance.uniform(0.1, 20.0)
                    self.room.begin()
                    return
                except Crash:
                    self.room.end()

    def step(self, alerts: list[Alert]) -> None:
        chance, gateway = self.chance, self.gateway
        postings = [gateway.event(gateway.add(one)) for one in alerts]
        if chance.random() < 0.5:
            postings.append(gateway.heartbeat())
        if chance.random() < (0.15 if alerts else 0.5):  # not received in time: sent again
            postings += [gateway.event(row) for row in gateway.unreceived()]
        postings += self.room.tell(gateway)
        arrived = [one for one in postings if chance.random() < 0.85]
        arrived += [one for one in arrived if chance.random() < 0.1]
        if chance.random() < 0.2:
            chance.shuffle(arrived)
        items = [message(one, chance.choice(PATHS)) for one in arrived]
        if chance.random() < 0.05:
            path = chance.choice(PATHS)
            items += [LineState(phase, "", path=path) for phase in (LinePhase.LOST, LinePhase.CONNECTED)]
        self.survive(lambda: self.room.give(*items))
        self.survive(lambda: self.room.wait(1))


@pytest.mark.parametrize("seed", range(25))
def test_in_a_bad_world_nothing_is_lost_and_nothing_is_told_twice(tmp_path: Path, seed: int) -> None:
    world = World(seed, tmp_path / "room.db")
    stories = [story(number) for number in range(80)]
    backlog = {alert(number).event_id for number in range(20) if world.chance.random() < 0.3}
    for at in range(0, 80, 2):
        world.step(in_lanes(stories[at : at + 2], backlog))
    world.luck = 1.0
    for _ in range(60):
        world.step([])
    gateway, room = world.gateway, world.room
    assert gateway.unreceived() == [], f"seed {seed}"
    assert room.ledger is not None
    assert {row[2:4] for row in room.ledger.revisions()} == {(r.event_id, r.revision) for r in gateway.rows}
    firm = [(one.alert.event_id, one.alert.revision) for one in room.arrivals if not one.again]
    assert len(firm) == len(set(firm)), f"seed {seed}: shown twice without saying so"
    for event_id in {row.event_id for row in gateway.rows}:
        mine = [one for one in room.arrivals if one.alert.event_id == event_id]
        assert mine[-1].step is Step.ENDED, f"seed {seed}"
        revisions = [one.alert.revision for one in mine if not one.again]
        assert revisions == sorted(revisions), f"seed {seed}: it went back"
    assert room.ledger.open_events() == []
    assert world.crashes > 0
