"""Topics are built and parsed alike, and carry only what they may."""

from __future__ import annotations

import pytest

from gateway.contract.topics import (
    DELIVERY,
    Topic,
    TopicBuilder,
    TopicKind,
    check_id,
    parse_topic,
    provisional_id,
    subscription,
)
from gateway.contract.vocabulary import Command

TOPICS = TopicBuilder("harbour", "gw-1")
ALL = {
    TOPICS.status: Topic(TopicKind.STATUS, "harbour", "gw-1"),
    TOPICS.health: Topic(TopicKind.HEALTH, "harbour", "gw-1"),
    TOPICS.sensor_availability("N_1"): Topic(
        TopicKind.SENSOR_AVAILABILITY, "harbour", "gw-1", sensor_id="N_1"
    ),
    TOPICS.sensor_level("N_1"): Topic(TopicKind.SENSOR_LEVEL, "harbour", "gw-1", sensor_id="N_1"),
    TOPICS.sensor_health("N_1"): Topic(TopicKind.SENSOR_HEALTH, "harbour", "gw-1", sensor_id="N_1"),
    TOPICS.event("glass_break"): Topic(TopicKind.EVENT, "harbour", "gw-1", event_class="glass_break"),
    TOPICS.heartbeat: Topic(TopicKind.HEARTBEAT, "harbour", "gw-1"),
    TOPICS.receipt: Topic(TopicKind.RECEIPT, "harbour", "gw-1"),
    TOPICS.request(Command.OPEN): Topic(TopicKind.REQUEST, "harbour", "gw-1", command=Command.OPEN),
    TOPICS.response(Command.RESEND): Topic(TopicKind.RESPONSE, "harbour", "gw-1", command=Command.RESEND),
    TOPICS.record("status"): Topic(TopicKind.RECORD_STATUS, "harbour", "gw-1"),
    TOPICS.record("availability"): Topic(TopicKind.RECORD_AVAILABILITY, "harbour", "gw-1"),
    TOPICS.record("coverage"): Topic(TopicKind.RECORD_COVERAGE, "harbour", "gw-1"),
    TOPICS.record("level"): Topic(TopicKind.RECORD_LEVEL, "harbour", "gw-1"),
}
STATE = {
    TopicKind.STATUS,
    TopicKind.HEALTH,
    TopicKind.SENSOR_AVAILABILITY,
    TopicKind.SENSOR_LEVEL,
    TopicKind.SENSOR_HEALTH,
}


def test_topics_read_as_the_contract_says() -> None:
    base = "aggression/v1/harbour/gw-1"
    assert list(ALL) == [
        f"{base}/status",
        f"{base}/health",
        f"{base}/sensor/N_1/availability",
        f"{base}/sensor/N_1/level",
        f"{base}/sensor/N_1/health",
        f"{base}/event/glass_break",
        f"{base}/heartbeat",
        f"{base}/receipt",
        f"{base}/request/open",
        f"{base}/response/resend",
        f"{base}/record/status",
        f"{base}/record/availability",
        f"{base}/record/coverage",
        f"{base}/record/level",
    ]


@pytest.mark.parametrize(("text", "topic"), ALL.items())
def test_what_is_built_parses(text: str, topic: Topic) -> None:
    assert parse_topic(text) == topic


def test_state_is_retained_and_events_never_are() -> None:
    assert {topic.kind for topic in ALL.values()} == set(TopicKind) == set(DELIVERY)
    for topic in ALL.values():
        assert topic.delivery.retained is (topic.kind in STATE)
        assert topic.delivery.qos == (0 if topic.kind is TopicKind.SENSOR_LEVEL else 1)


def test_a_record_of_something_else_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="one of status, availability, coverage, level"):
        TOPICS.record("health")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "aggression/v1",
        "aggression/v1/harbour/gw-1",
        "aggression/v2/harbour/gw-1/status",
        "other/v1/harbour/gw-1/status",
        "/aggression/v1/harbour/gw-1/status",
        "aggression/v1/har bour/gw-1/status",
        "aggression/v1//gw-1/status",
        "aggression/v1/harbour/+/status",
        "aggression/v1/harbour/gw-1/status/",
        "aggression/v1/harbour/gw-1/status/x",
        "aggression/v1/harbour/gw-1/sensor/N1",
        "aggression/v1/harbour/gw-1/sensor//level",
        "aggression/v1/harbour/gw-1/sensor/N.1/level",
        "aggression/v1/harbour/gw-1/sensor/N1/audio",
        "aggression/v1/harbour/gw-1/event/Scream",
        "aggression/v1/harbour/gw-1/event/",
        "aggression/v1/harbour/gw-1/event/#",
        "aggression/v1/harbour/gw-1/request/identify",
        "aggression/v1/harbour/gw-1\n/status",
    ],
)
def test_what_version_1_does_not_define_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"topic|site|gateway|sensor id"):
        parse_topic(text)


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "a+b", "#", "é", "a\n", "x" * 65, "a.b", "\x00"])
def test_ids_that_a_topic_must_not_carry_are_misuse(bad: str) -> None:
    for build in (
        lambda: TopicBuilder(bad, "gw"),
        lambda: TopicBuilder("site", bad),
        lambda: TOPICS.sensor_level(bad),
        lambda: TOPICS.sensor_health(bad),
        lambda: TOPICS.sensor_availability(bad),
        lambda: TOPICS.event(bad),
        lambda: subscription(site=bad),
    ):
        with pytest.raises(ValueError, match="long"):
            build()


def test_subscriptions() -> None:
    assert subscription() == "aggression/v1/+/+/#"
    assert subscription("harbour", rest="event/+") == "aggression/v1/harbour/+/event/+"
    assert subscription("harbour", "gw-1", "status") == "aggression/v1/harbour/gw-1/status"


def test_a_sensor_without_an_id_gets_a_lasting_one_of_its_own() -> None:
    assert provisional_id("unbound", "AS-00017") == "unbound-AS-00017"
    odd = ["a b", "a/b", "a-b", "", "é", "x" * 200, "x" * 201, "/dev/serial/by-id/usb-1", "\udc80"]
    ids = [provisional_id("refused", label) for label in odd]
    assert len(set(ids)) == len(odd)
    assert ids == [provisional_id("refused", label) for label in odd]
    for sensor_id in ids:
        assert sensor_id.startswith("refused-")
        assert check_id(sensor_id, "sensor id") == sensor_id
