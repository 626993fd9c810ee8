"""What comes in is somebody else's bytes until it has been read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_room.changes import BadMessage, Ignored
from control_room.reading import MOST_BYTES, Reading, read
from gateway.contract.encoding import encode
from gateway.contract.examples import EXAMPLES, HEARTBEAT, RECEIPT, REQUEST, RESPONSE
from gateway.contract.types import replace
from gateway.contract.vocabulary import Command, Result
from tests.support.alerts import TOPICS, alert

OPEN, RESEND = TOPICS.response(Command.OPEN), TOPICS.response(Command.RESEND)
ANSWER = replace(RESPONSE, result=Result.OK, alerts=(alert(1), alert(2)))


def test_good_messages_are_read() -> None:
    for topic, payload in (
        (TOPICS.event("scream"), alert(1)),
        (TOPICS.heartbeat, HEARTBEAT),
        (OPEN, ANSWER),
        (RESEND, RESPONSE),
    ):
        reading = read(topic, encode(payload))
        assert isinstance(reading, Reading)
        assert reading.payload == payload


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPICS.event("scream"), alert(1)),
        (TOPICS.heartbeat, HEARTBEAT),
        (TOPICS.receipt, RECEIPT),
        (TOPICS.request(Command.RESEND), REQUEST),
        (RESEND, RESPONSE),
    ],
)
def test_what_never_is_state_is_not_taken_from_a_brokers_store(topic: str, payload: object) -> None:
    assert read(topic, encode(payload), retained=True) is Ignored.RETAINED  # type: ignore[arg-type]
    assert read(topic, b"", retained=True) is Ignored.RETAINED


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        ("elsewhere", b"{}", "aggression/v1"),
        (TOPICS.heartbeat, b"{", "truncated"),
        (TOPICS.heartbeat, encode(alert(1)), "type"),
        (TOPICS.heartbeat, encode(replace(HEARTBEAT, gateway="gw-2")), "harbour/gw-2"),
        (TOPICS.heartbeat, encode(replace(HEARTBEAT, live_seq=2**60)), "too large"),
        (TOPICS.event("scream"), b" " * (MOST_BYTES + 1), "too many"),
        (TOPICS.event("scream"), encode(alert(1, 2**63)), "too large"),
        (TOPICS.event("scream"), encode(alert(1, seq=2**62)), "too large"),
        (TOPICS.event("shout"), encode(alert(1)), "scream"),
        (TOPICS.event("scream"), encode(alert(1, site="a")), "a/gw-1"),
        (OPEN, encode(replace(ANSWER, gateway="gw-2")), "gw-2"),
        (OPEN, encode(replace(ANSWER, alerts=(alert(1), alert(2, gateway="gw-2")))), "gw-2"),
        (OPEN, encode(replace(ANSWER, alerts=(alert(1, 2**60),))), "too large"),
    ],
)
def test_what_contradicts_itself_is_not_believed(topic: str, payload: bytes, why: str) -> None:
    bad = read(topic, payload)
    assert isinstance(bad, BadMessage)
    assert why in bad.reason
    assert bad.topic == topic


def test_an_alert_of_a_gateway_of_the_first_version_is_an_alert() -> None:
    first = alert(1, schema="1.0", numbering=None, age_s=None)
    assert isinstance(read(TOPICS.event("scream"), encode(first)), Reading)


@given(
    topic=st.sampled_from([TOPICS.event("scream"), TOPICS.heartbeat, OPEN, RESEND, TOPICS.receipt])
    | st.text(max_size=50),
    payload=st.binary(max_size=300) | st.sampled_from([encode(example) for example in EXAMPLES]),
    retained=st.booleans(),
)
def test_any_bytes_are_a_value(topic: str, payload: bytes, retained: bool) -> None:
    assert isinstance(read(topic, payload, retained=retained), Reading | BadMessage | Ignored)
