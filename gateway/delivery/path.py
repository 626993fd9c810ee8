"""One way to a broker: its connection, the retained states it owes that broker, and its sign of life.

Owned by the publisher's thread. A path sends states, heartbeats and answers one at a time each, so that
nothing of it ever stands long before an alert; how alerts share the paths is the publisher's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.delivery.broker_link import (
    FIRST_REFUSAL,
    Acknowledged,
    AnswerTo,
    LinkPhase,
    LinkState,
    NotSent,
    Token,
)
from gateway.delivery.choice import PathSight
from gateway.delivery.mqtt import MqttLink
from gateway.delivery.state_board import StateBoard, StateMessage

MOST_ANSWERS = 256


@dataclass(frozen=True, slots=True)
class Posting:
    """An answer to a request, not retained; lost with its connection, as whoever asked will ask again."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class PathCounts:
    states_published: int = 0
    states_refused: int = 0
    answers_dropped: int = 0
    connections: int = 0


class Path:
    """name: `primary` or `backup`. Messages in flight are known by their tokens."""

    def __init__(self, name: str, link: MqttLink, where: str) -> None:
        self.name = name
        self.link = link
        self.state = LinkState(LinkPhase.CONNECTING, 0, where, path=name)
        self.board = StateBoard()
        self.counts = PathCounts()
        self._answers: deque[Posting] = deque()
        self._in_flight: dict[Token, tuple[float, StateMessage | None]] = {}
        self._unanswered: set[Token] = set()
        self._beat_token: Token | None = None
        self._beat_due_s = 0.0
        self._progress_s = 0.0
        self._good_since_s: float | None = None
        self._state_token: Token | None = None

    @property
    def connected(self) -> bool:
        return self.state.connected

    @property
    def unanswered(self) -> int:
        """Messages of QoS 1 on this connection without the broker's answer, whoever's they are."""
        return len(self._unanswered)

    @property
    def room(self) -> int:
        """Messages that this broker still takes."""
        return self.state.receive_maximum - len(self._unanswered)

    @property
    def idle(self) -> bool:
        return self.board.idle and not self._in_flight and not self._answers

    @property
    def takes_answers(self) -> bool:
        """There is room for one more answer, however many parts it has."""
        return len(self._answers) < MOST_ANSWERS

    def put_answer(self, posting: Posting) -> None:
        self._answers.append(posting)

    def changed(self, state: LinkState, now_s: float) -> None:
        """The connection came, went or is being tried."""
        if state.generation != self.state.generation or not state.connected:
            for _, message in self._in_flight.values():
                if message is not None:
                    self.board.give_back(message)
            self._in_flight.clear()
            self._unanswered.clear()
            self._answers.clear()
            self._beat_token = self._state_token = None
            self._good_since_s = None
        if state.connected:
            self.board.all_due()
            self.counts.connections += 1
            self._progress_s = self._good_since_s = now_s
            self._beat_due_s = now_s
        self.state = state

    def acknowledged(self, answer: Acknowledged, now_s: float) -> bool:
        """Whether the answer was for a message of the path's own."""
        if answer.token.generation == self.state.generation:
            self._progress_s = now_s
        self._unanswered.discard(answer.token)
        known = self._in_flight.pop(answer.token, None)
        if answer.token == self._beat_token:
            self._beat_token = None
        if answer.token == self._state_token:
            self._state_token = None
            self.counts.states_refused += int(answer.reason >= FIRST_REFUSAL)
        return known is not None

    def publish_alert(self, topic: str, payload: bytes, answer_to: AnswerTo) -> Token | NotSent:
        return self._publish(topic, payload, retain=False, qos=1, answer_to=answer_to)

    def publish_record(self, topic: str, payload: bytes) -> Token | NotSent:
        return self._publish(topic, payload, retain=False, qos=1)

    def send_beat(self, topic: str, payload: Callable[[], bytes], every_s: float, now_s: float) -> None:
        """A heartbeat when it is due and the last one is answered."""
        due_s = self.next_beat_s()
        if due_s is None or now_s < due_s:
            return
        self._beat_due_s = now_s + every_s
        token = self._publish(topic, payload(), retain=False, qos=1)
        if isinstance(token, Token):
            self._beat_token = token
            self._in_flight[token] = (now_s, None)

    def send_own(self, now_s: float) -> None:
        """Answers, then states, of which one is in flight."""
        while self._answers and self.room > 0 and self.connected:
            posting = self._answers.popleft()
            token = self._publish(posting.topic, posting.payload, retain=False, qos=1)
            if isinstance(token, Token):
                self._in_flight[token] = (now_s, None)
        while self.connected and self._state_token is None and self.room > 0:
            message = self.board.take()
            if message is None:
                return
            sent = self._publish(message.topic, message.payload, retain=True, qos=message.qos)
            if sent is NotSent.OFFLINE:
                self.board.give_back(message)
                return
            if isinstance(sent, NotSent):
                self.counts.states_refused += 1
                continue
            self._state_token = sent
            self._in_flight[sent] = (now_s, message)
            self.counts.states_published += 1

    def next_beat_s(self) -> float | None:
        """When a heartbeat is due; None while none can leave."""
        ready = self.connected and self._beat_token is None and self.room > 0
        return self._beat_due_s if ready else None

    def silent_s(self, oldest_alert_s: float, now_s: float) -> float:
        """How long the broker has owed answers and given none.

        oldest_alert_s: age of the first alert owed.
        """
        own_s = max((now_s - since_s for since_s, _ in self._in_flight.values()), default=0.0)
        owed_s = max(own_s, oldest_alert_s)
        return min(owed_s, now_s - self._progress_s) if owed_s > 0.0 else 0.0

    def sight(self, silent_s: float, stalled_after_s: float, now_s: float) -> PathSight:
        """How it looks to whoever chooses between paths."""
        if not self.connected or silent_s > stalled_after_s:
            self._good_since_s = None
        elif self._good_since_s is None:
            self._good_since_s = now_s
        return PathSight(self._good_since_s)

    def drop(self, because: str) -> None:
        self.link.drop(because)

    def _publish(
        self, topic: str, payload: bytes, *, retain: bool, qos: int, answer_to: AnswerTo | None = None
    ) -> Token | NotSent:
        generation = self.state.generation
        sent = self.link.publish(
            topic, payload, qos=qos, retain=retain, generation=generation, answer_to=answer_to
        )
        if qos and isinstance(sent, Token):
            self._unanswered.add(sent)
        return sent
