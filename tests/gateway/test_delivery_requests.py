"""What receivers ask: what is open, rows once more, a test; and what is none of the gateway's business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from gateway.contract.encoding import decode, encode
from gateway.contract.examples import HEARTBEAT, RECEIPT, REQUEST
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert, Receipt, Request, Response, replace
from gateway.contract.vocabulary import Command, Lane, Phase, Result
from gateway.delivery.broker_link import PRIMARY, Heard
from gateway.delivery.courier import CourierRules
from gateway.delivery.outbox import Outbox, OutboxRow, RowKey
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.path import Posting
from gateway.delivery.requests import ALERTS_A_PART, MOST_RESENT, Asked, RequestDesk, understand
from gateway.delivery.window import WindowRules
from tests.support.alerts import TOPICS, alert, commit, story
from tests.support.courier_world import World, alerts_in, receipt, responses_in

ROOM = "room"
OPEN, RESEND, TEST = (
    TOPICS.request(Command.OPEN),
    TOPICS.request(Command.RESEND),
    TOPICS.request(Command.TEST),
)


def request(**fields: object) -> Request:
    plain = replace(
        REQUEST, site=TOPICS.site, gateway=TOPICS.gateway, receiver=ROOM, transaction="t-1", numbering=None,
        lane=None, first_seq=None, last_seq=None,
    )  # fmt: skip
    return replace(plain, **fields)


# What comes in.


def heard(topic: str, payload: bytes, *, retained: bool = False) -> Heard:
    return Heard(PRIMARY, topic, payload, retained)


def test_receipts_and_requests_are_understood() -> None:
    given = receipt(ROOM, alert(1), beat=3)
    assert understand(heard(TOPICS.receipt, encode(given)), TOPICS) == given
    for command in Command:
        asked = understand(heard(TOPICS.request(command), encode(request())), TOPICS)
        assert asked == Asked(command, request())


def test_what_the_broker_had_retained_is_no_news() -> None:
    for topic, payload in ((TOPICS.receipt, encode(receipt(ROOM))), (OPEN, encode(request()))):
        assert understand(heard(topic, payload), TOPICS) is not None
        assert understand(heard(topic, payload, retained=True), TOPICS) is None


OTHER = TopicBuilder(TOPICS.site, "gw-2")


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (OTHER.receipt, encode(receipt(ROOM))),  # for another gateway
        (TOPICS.receipt, encode(replace(receipt(ROOM), gateway="gw-2"))),
        (TOPICS.receipt, encode(replace(receipt(ROOM), site="elsewhere"))),
        (OPEN, encode(request(gateway="gw-2"))),
        (TOPICS.receipt, encode(request())),  # not what belongs there
        (OPEN, encode(receipt(ROOM))),
        (TOPICS.heartbeat, encode(HEARTBEAT)),  # our own
        (TOPICS.event("scream"), encode(alert(1))),
        (f"{TOPICS.base}/request/reboot", encode(request())),
        ("elsewhere", encode(request())),
        (TOPICS.receipt, b""),
        (TOPICS.receipt, b"\xff\xfe"),
        (TOPICS.receipt, b"{}"),
        (TOPICS.receipt, b"[" * 100_000),
        (OPEN, encode(request()).replace(b"t-1", b"not a transaction")),
        (RESEND, encode(request(first_seq=1)).replace(b'"first_seq":1', b'"first_seq":0')),
    ],
)
def test_what_is_not_for_us_or_does_not_fit_is_nothing(topic: str, payload: bytes) -> None:
    assert understand(heard(topic, payload), TOPICS) is None


def test_alerts_of_neighbours_are_understood_and_nobody_else_s() -> None:
    theirs = replace(alert(1), gateway="gw-2")
    assert understand(heard(OTHER.event("scream"), encode(theirs)), TOPICS) == theirs
    assert understand(heard(OTHER.event("scream"), encode(theirs), retained=True), TOPICS) is None
    assert understand(heard(OTHER.event("scream"), encode(replace(theirs, gateway="gw-3"))), TOPICS) is None
    elsewhere = TopicBuilder("elsewhere", "gw-2")
    foreign = encode(replace(theirs, site="elsewhere"))
    assert understand(heard(elsewhere.event("scream"), foreign), TOPICS) is None


@pytest.mark.parametrize("seed", range(20))
def test_garbled_bytes_never_hurt(seed: int) -> None:
    chance = Random(seed)
    for whole in (encode(RECEIPT), encode(REQUEST)):
        for _ in range(100):
            garbled = bytearray(whole)
            for _ in range(chance.randint(1, 5)):
                garbled[chance.randrange(len(garbled))] = chance.randrange(256)
            topic = chance.choice([TOPICS.receipt, OPEN, RESEND, TEST])
            understood = understand(heard(topic, bytes(garbled)), TOPICS)
            assert understood is None or isinstance(understood, Receipt | Asked)


# The answers.


class Desk:
    """A request desk on an outbox of its own; `again` is what it wants to have sent again."""

    def __init__(self, outbox: Outbox, room_for: int = 10_000, may_test: bool = True) -> None:
        self.outbox = outbox
        self.again: list[int] = []
        self.tests = 0
        self.confirmed: list[str] = []
        self._room_for = room_for
        self._may_test = may_test
        self._desk = RequestDesk(TOPICS, outbox, self._stamp, self._take, self._test, self)

    def ask(self, command: Command, **fields: object) -> list[Response]:
        found = []
        for posting in self._desk.answer(Asked(command, request(**fields))):
            assert isinstance(posting, Posting)
            assert posting.topic == TOPICS.response(command)
            response = decode(posting.payload, Response)
            assert isinstance(response, Response)
            assert (response.transaction, response.receiver) == ("t-1", ROOM)
            found.append(response)
        return found

    def resend(self, first: int, last: int, lane: Lane = Lane.LIVE, **fields: object) -> Response:
        given = {"numbering": self.outbox.numbering, "lane": lane, "first_seq": first, "last_seq": last}
        (response,) = self.ask(Command.RESEND, **{**given, **fields})
        return response

    @staticmethod
    def _stamp(alert: Alert, row: OutboxRow) -> Alert:
        return replace(alert, seq=row.seq, age_s=12.0)

    def _take(self, lane: Lane, rows: Sequence[RowKey]) -> int:
        taken = rows[: self._room_for - len(self.again)]
        self.again += [row.row_id for row in taken]
        return len(taken)

    def confirm(self, event_id: str) -> None:
        self.confirmed.append(event_id)

    def neighbour(self, alert: Alert) -> None:
        raise AssertionError("nobody asks for a neighbour")

    def _test(self) -> bool:
        self.tests += self._may_test
        return self._may_test


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db", durable=False) as opened:
        yield opened


def numbered(outbox: Outbox, count: int, lane: Lane = Lane.LIVE) -> None:
    for number in range(count):
        row_id = commit(outbox, story(number))
        assert row_id is not None
        outbox.give_numbers([(row_id, lane)])


def test_open_tells_the_latest_revisions_of_what_is_open_and_nothing_that_is_over(outbox: Outbox) -> None:
    for one in (alert(1), alert(1, 1, Phase.UPDATE), alert(2), alert(2, 1, Phase.END), alert(3)):
        commit(outbox, one)
    (response,) = Desk(outbox).ask(Command.OPEN)
    assert (response.result, response.part, response.parts) == (Result.OK, 1, 1)
    assert [(int(one.event_id, 16), one.revision) for one in response.alerts] == [(1, 1), (3, 0)]
    assert {one.age_s for one in response.alerts} == {12.0}


def test_open_with_nothing_open_is_an_answer_too(outbox: Outbox) -> None:
    (response,) = Desk(outbox).ask(Command.OPEN)
    assert (response.result, response.alerts, response.parts) == (Result.OK, (), 1)


@pytest.mark.parametrize("count", [ALERTS_A_PART, ALERTS_A_PART + 1, 3 * ALERTS_A_PART])
def test_much_that_is_open_comes_in_parts(outbox: Outbox, count: int) -> None:
    for event in range(count):
        commit(outbox, alert(event))
    parts = Desk(outbox).ask(Command.OPEN)
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    assert {part.parts for part in parts} == {len(parts)} == {-(-count // ALERTS_A_PART)}
    assert [int(one.event_id, 16) for part in parts for one in part.alerts] == list(range(count))


def test_a_row_that_cannot_be_read_does_not_spoil_the_answer(outbox: Outbox) -> None:
    outbox.commit(b"{}", "f" * 32, 0, "t", "start")
    commit(outbox, alert(1))
    (response,) = Desk(outbox).ask(Command.OPEN)
    assert [int(one.event_id, 16) for one in response.alerts] == [1]


def test_rows_are_sent_again_by_their_numbers_delivered_or_not(outbox: Outbox) -> None:
    numbered(outbox, 8)
    outbox.mark_acknowledged([1, 2, 3, 4], delivered=True)
    desk = Desk(outbox)
    response = desk.resend(3, 6)
    assert (response.result, response.resent, response.gone) == (Result.OK, 4, 0)
    assert desk.again == [3, 4, 5, 6]


def test_each_lane_has_numbers_of_its_own(outbox: Outbox) -> None:
    numbered(outbox, 4, Lane.HISTORICAL)
    desk = Desk(outbox)
    assert desk.resend(1, 4).resent == 0
    assert desk.resend(1, 4, Lane.HISTORICAL).resent == 4


def test_what_is_no_longer_kept_is_told_and_what_does_not_exist_yet_is_not(outbox: Outbox) -> None:
    numbered(outbox, 8)
    outbox.mark_acknowledged(range(1, 9), delivered=True)
    outbox.prune(keep_hours=0, keep_rows=3)
    desk = Desk(outbox)
    response = desk.resend(2, 20)
    assert (response.resent, response.gone) == (3, 4)
    assert desk.again == [6, 7, 8]


def test_numbers_of_another_store_are_gone(outbox: Outbox) -> None:
    numbered(outbox, 8)
    desk = Desk(outbox)
    response = desk.resend(3, 6, numbering="0123456789abcdef")
    assert (response.result, response.resent, response.gone) == (Result.OK, 0, 4)
    assert response.message is not None
    assert desk.again == []


@pytest.mark.parametrize(
    "fields",
    [
        {"numbering": None},
        {"lane": None},
        {"first_seq": None},
        {"last_seq": None},
        {"first_seq": 5, "last_seq": 4},
        {"first_seq": 1, "last_seq": MOST_RESENT + 1},
    ],
)
def test_an_unclear_or_boundless_request_is_refused_with_words(
    outbox: Outbox, fields: dict[str, object]
) -> None:
    numbered(outbox, 8)
    desk = Desk(outbox)
    response = desk.resend(1, 4, **fields)
    assert response.result is Result.REFUSED
    assert response.message is not None
    assert response.message.en
    assert response.message.nl
    assert response.message.en != response.message.nl
    assert desk.again == []


def test_a_thousand_at_once_is_allowed(outbox: Outbox) -> None:
    numbered(outbox, 2)
    assert Desk(outbox).resend(1, MOST_RESENT).result is Result.OK


def test_how_many_there_was_room_for_is_told(outbox: Outbox) -> None:
    numbered(outbox, 8)
    response = Desk(outbox, room_for=3).resend(1, 8)
    assert (response.resent, response.gone) == (3, 0)


def test_a_test_is_started_or_refused_with_words(outbox: Outbox) -> None:
    desk = Desk(outbox)
    (response,) = desk.ask(Command.TEST)
    assert (response.result, desk.tests) == (Result.OK, 1)
    (response,) = Desk(outbox, may_test=False).ask(Command.TEST)
    assert response.result is Result.REFUSED
    assert response.message is not None


# By way of the courier.


def world_with(tmp_path: Path, *receivers: str, backup: bool = False) -> World:
    window = WindowRules(receivers=frozenset(receivers))
    world = World(tmp_path, CourierRules(receivers=receivers, window=window), backup=backup)
    world.connect()
    return world


def test_rows_come_again_with_their_old_numbers_and_their_age(tmp_path: Path) -> None:
    world = world_with(tmp_path, ROOM)
    world.commit(alert(1), alert(2), alert(3))
    world.settle()
    world.tell(ROOM, alert(1), alert(2), alert(3))
    world.round(40.0)
    assert world.outbox.undelivered_count() == 0
    given = {"numbering": world.outbox.numbering, "lane": Lane.LIVE, "first_seq": 1, "last_seq": 2}
    world.ask(ROOM, Command.RESEND, **given)
    posted = world.settle()
    assert [one.resent for one in responses_in(posted)] == [2]
    sent = alerts_in(posted)
    assert [(one.seq, one.lane, one.historical, one.age_s) for one in sent] == [
        (1, Lane.LIVE, True, 40.0),
        (2, Lane.LIVE, True, 40.0),
    ]
    world.clock.now_s += 1000.0
    assert alerts_in(world.settle()) == []  # once, and not until somebody tells


def test_rows_that_have_not_left_yet_come_in_their_turn_and_once(tmp_path: Path) -> None:
    world = world_with(tmp_path, ROOM)
    world.lose()
    world.commit(*(story(number) for number in range(100)))
    world.round(40.0)
    world.connect()
    world.round()  # all are numbered, the first are in flight
    given = {"numbering": world.outbox.numbering, "lane": Lane.HISTORICAL, "first_seq": 50, "last_seq": 59}
    world.ask(ROOM, Command.RESEND, **given)
    posted = world.take()
    world.answer(*posted)
    while world.outbox.undelivered_count():
        world.tell(ROOM, *alerts_in(posted))
        posted = world.settle()
    assert [one.seq for one in alerts_in(world.took)] == list(range(1, 101))


def test_a_strangers_request_is_refused_with_a_word_and_is_a_fault_for_a_while(tmp_path: Path) -> None:
    world = world_with(tmp_path, ROOM)
    world.commit(alert(1))
    world.settle()
    world.ask("stranger", Command.OPEN)
    (refusal,) = responses_in(world.settle())
    assert (refusal.result, refusal.receiver, refusal.alerts) == (Result.REFUSED, "stranger", ())
    assert refusal.message is not None
    assert "[delivery] receivers" in refusal.message.nl
    assert world.courier.counts.receipts_unknown == 1
    assert ("receiver_unknown", "stranger") in world.faults()
    world.round(61.0)
    assert ("receiver_unknown", "stranger") not in world.faults()
    world.ask(ROOM, Command.OPEN)
    assert [len(one.alerts) for one in responses_in(world.settle())] == [1]
    assert world.courier.counts.requests_answered == 1


def test_anybody_may_ask_where_nobody_is_named(tmp_path: Path) -> None:
    world = world_with(tmp_path)
    world.ask("stranger", Command.OPEN)
    assert len(responses_in(world.settle())) == 1


def test_the_answer_goes_back_the_way_the_request_came(tmp_path: Path) -> None:
    world = world_with(tmp_path, ROOM, backup=True)
    world.connect("backup")
    world.ask(ROOM, Command.OPEN, path="backup")
    assert {one.token.path for one in world.settle() if "/response/" in one.topic} == {"backup"}


def test_a_flood_of_requests_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.path.MOST_ANSWERS", 12)
    monkeypatch.setattr("gateway.delivery.window.MOST_AGAIN", 150)
    world = world_with(tmp_path, ROOM)
    world.commit(*(alert(number) for number in range(100)))
    world.settle()
    given = {"numbering": world.outbox.numbering, "lane": Lane.LIVE, "first_seq": 1, "last_seq": 100}
    for _ in range(5):
        world.ask(ROOM, Command.RESEND, **given)
    for _ in range(100):
        world.ask(ROOM, Command.OPEN)
    posted = world.settle()
    answers = responses_in(posted)
    assert [one.resent for one in answers if one.resent] == [100, 50]
    assert len(alerts_in(posted)) == 150
    assert len(answers) == 5 + 2 * 5  # an answer that is begun is given whole
    assert world.paths[PRIMARY].counts.answers_dropped == 98
    world.ask(ROOM, Command.OPEN)
    assert len(responses_in(world.settle())) == 5


def test_a_flood_of_strangers_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.path.MOST_ANSWERS", 12)
    world = world_with(tmp_path, ROOM)
    world.settle()
    for number in range(500):
        world.ask(f"stranger-{number}", Command.OPEN)
    refusals = responses_in(world.settle())
    assert [one.result for one in refusals] == [Result.REFUSED] * 12
    assert world.courier.counts.receipts_unknown == 500
    assert len({where for code, where in world.faults() if code == "receiver_unknown"}) == 1


def test_an_outbox_that_cannot_be_read_costs_the_answer_and_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_with(tmp_path, ROOM)

    def broken(outbox: Outbox) -> list[OutboxRow]:
        raise OutboxError(OutboxFault.DISK_ERROR, outbox.path)

    monkeypatch.setattr(Outbox, "open_events", broken)
    world.ask(ROOM, Command.OPEN)
    world.round(1.0)
    assert responses_in(world.take()) == []
    assert world.courier.counts.requests_answered == 0


def test_a_person_s_confirmation_of_an_open_event_goes_to_the_pipeline(outbox: Outbox) -> None:
    commit(outbox, alert(1))
    desk = Desk(outbox)
    (response,) = desk.ask(Command.CONFIRM, event_id=alert(1).event_id)
    assert response.result is Result.OK
    assert desk.confirmed == [alert(1).event_id]


def test_what_is_over_unknown_or_not_named_cannot_be_confirmed(outbox: Outbox) -> None:
    for one in (alert(1), alert(1, 1, Phase.END)):
        commit(outbox, one)
    desk = Desk(outbox)
    for event_id in (alert(1).event_id, alert(2).event_id, None):
        (response,) = desk.ask(Command.CONFIRM, event_id=event_id)
        assert response.result is Result.REFUSED
        assert response.message is not None
        assert response.message.nl
    assert desk.confirmed == []


def test_a_neighbour_s_alert_and_a_confirmation_pass_the_courier(tmp_path: Path) -> None:
    world = world_with(tmp_path, ROOM)
    world.commit(alert(1))
    theirs = replace(alert(9), gateway="gw-2")
    world.hear(theirs, OTHER.event("scream"))
    world.ask(ROOM, Command.CONFIRM, event_id=alert(1).event_id)
    world.ask("nobody", Command.CONFIRM, event_id=alert(1).event_id)
    answers = responses_in(world.settle())
    assert [one.result for one in answers] == [Result.OK, Result.REFUSED]
    assert world.inward.neighbours == [theirs]
    assert world.inward.confirmed == [alert(1).event_id], "a stranger confirms nothing"
