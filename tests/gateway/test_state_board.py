"""Retained states: the last one wins, and the mailbox that brings them stays bounded."""

from __future__ import annotations

import threading

from gateway.delivery.broker_link import Acknowledged, LinkPhase, LinkState, Token
from gateway.delivery.mailbox import Mailbox
from gateway.delivery.state_board import StateBoard, StateMessage
from tests.support.waiting import DEADLINE_S


def state(topic: str, payload: bytes = b"x") -> StateMessage:
    return StateMessage(topic, payload, 1)


def taken(board: StateBoard) -> list[tuple[str, bytes]]:
    found = []
    while (message := board.take()) is not None:
        found.append((message.topic, message.payload))
    return found


def test_the_last_state_of_a_topic_wins() -> None:
    board = StateBoard()
    for topic, payload in (("a", b"1"), ("b", b"2"), ("a", b"3")):
        board.put(state(topic, payload))
    assert taken(board) == [("a", b"3"), ("b", b"2")]
    assert board.idle


def test_a_new_connection_gets_every_state_in_order_of_first_appearance() -> None:
    board = StateBoard()
    for topic in "abc":
        board.put(state(topic))
    taken(board)
    board.put(state("a", b"new"))
    board.all_due()
    assert taken(board) == [("a", b"new"), ("b", b"x"), ("c", b"x")]


def test_an_emptied_topic_is_cleared_once_and_then_forgotten() -> None:
    board = StateBoard()
    board.put(state("a"))
    board.put(state("a", b""))
    assert taken(board) == [("a", b"")]
    board.all_due()
    assert taken(board) == []


def test_a_state_that_was_not_sent_is_due_again_unless_a_later_one_came() -> None:
    board = StateBoard()
    board.put(state("a", b"old"))
    old = board.take()
    assert old is not None
    board.give_back(old)
    assert taken(board) == [("a", b"old")]
    board.put(state("a", b"new"))
    board.give_back(old)
    assert taken(board) == [("a", b"new")]


def test_a_clearing_that_was_not_sent_is_due_again() -> None:
    board = StateBoard()
    board.put(state("a", b""))
    clearing = board.take()
    assert clearing is not None
    board.give_back(clearing)
    assert taken(board) == [("a", b"")]


def answered(number: int) -> Acknowledged:
    return Acknowledged(Token(1, number), 0)


def link(phase: LinkPhase) -> LinkState:
    return LinkState(phase, 1, "mqtt://broker:1883")


def test_answers_keep_their_order_and_states_of_the_link_merge() -> None:
    mailbox = Mailbox()
    sequence = [answered(1), link(LinkPhase.LOST), link(LinkPhase.CONNECTING), answered(2), answered(3)]
    for item in sequence:
        mailbox.put_answer(item)
    assert mailbox.take(0.0).answers == (sequence[0], sequence[2], sequence[3], sequence[4])
    assert mailbox.take(0.0).answers == ()


def test_a_thousand_link_states_take_the_room_of_one() -> None:
    mailbox = Mailbox()
    for _ in range(1000):
        mailbox.put_answer(link(LinkPhase.UNREACHABLE))
    assert len(mailbox.take(0.0).answers) == 1


def test_states_are_kept_one_a_topic_and_topics_are_limited() -> None:
    mailbox = Mailbox(most_topics=2)
    assert mailbox.put_state(state("a", b"1"))
    assert mailbox.put_state(state("a", b"2"))
    assert mailbox.put_state(state("b"))
    assert not mailbox.put_state(state("c"))
    assert mailbox.states_refused == 1
    assert [message.payload for message in mailbox.take(0.0).states] == [b"2", b"x"]
    assert not mailbox.put_state(state("c"))  # taken is not gone: the board still knows a and b
    assert mailbox.put_state(state("a", b""))
    mailbox.take(0.0)
    assert mailbox.put_state(state("c"))


def test_clearing_without_end_is_bounded_too() -> None:
    mailbox = Mailbox(most_topics=2)
    assert [mailbox.put_state(state(topic, b"")) for topic in "abc"] == [True, True, False]


def test_stop_comes_with_everything_that_was_put_before() -> None:
    mailbox = Mailbox()
    mailbox.put_state(state("a"))
    mailbox.stop()
    mail = mailbox.take(0.0)
    assert mail.stopping
    assert len(mail.states) == 1
    assert mailbox.take(0.0).stopping


def test_taking_waits_for_whatever_comes_first() -> None:
    mailbox = Mailbox()
    threading.Thread(target=mailbox.wake).start()
    assert mailbox.take(DEADLINE_S).answers == ()
    threading.Thread(target=mailbox.put_answer, args=(answered(1),)).start()
    assert mailbox.take(DEADLINE_S).answers == (answered(1),)
