"""Hop indices that time does not explain, and sensors swapped on an open line: neither deafens."""

from __future__ import annotations

import pytest

from firmware_bridge.events import FeatureFrame, Gap, LinkEvent, LostReason, SensorLost, SensorReady
from firmware_bridge.link import SensorLink
from tests.firmware_bridge.wire import Pen, features, hello


def streaming(pen: Pen, hops: int = 10) -> tuple[SensorLink, float]:
    link = SensorLink()
    link.opened(0.0)
    link.feed(pen.write(hello()), 0.0)
    for hop in range(hops):
        link.feed(pen.write(features(hop)), hop / 8)
    return link, hops / 8


def frames(events: list[LinkEvent]) -> list[int]:
    return [event.hop_index for event in events if isinstance(event, FeatureFrame)]


def test_one_absurd_hop_index_is_passed_over_and_the_stream_goes_on() -> None:
    pen = Pen()
    link, now_s = streaming(pen)
    events = link.feed(pen.write(features(4_000_000_000)), now_s)
    events += link.feed(pen.write(features(11)), now_s + 0.125)
    events += link.feed(pen.write(features(12)), now_s + 0.25)
    assert frames(events) == [11, 12]
    assert [event.hops for event in events if isinstance(event, Gap)] == [1]
    assert link.counters.messages.odd_hops == 1


def test_a_jump_ahead_on_which_frames_agree_is_believed() -> None:
    pen = Pen()
    link, now_s = streaming(pen)
    events: list[LinkEvent] = []
    for number in range(5):
        events += link.feed(pen.write(features(1_000_000 + number)), now_s + number / 8)
    assert frames(events) == [1_000_002, 1_000_003, 1_000_004]


def test_a_gap_that_time_explains_is_believed_at_once() -> None:
    pen = Pen()
    link, now_s = streaming(pen)
    assert frames(link.feed(pen.write(features(10 + 800)), now_s + 100.0)) == [810]


def test_a_stream_that_begins_with_an_absurd_index_recovers_by_saying_hello_again() -> None:
    pen = Pen()
    link = SensorLink()
    link.opened(0.0)
    events = link.feed(pen.write(hello(), features(4_000_000_000)), 0.0)
    for hop in range(40):
        events += link.feed(pen.write(features(hop)), hop / 8)
        if link.outgoing():
            events += link.feed(pen.write(hello()), hop / 8)
    assert [event.reason for event in events if isinstance(event, SensorLost)] == [LostReason.REBOOTED]
    assert frames(events)[-1] == 39


@pytest.mark.parametrize("epoch", [7, 6])
def test_another_sensor_on_the_line_after_a_loss_is_heard_whatever_its_epoch(epoch: int) -> None:
    link, now_s = streaming(Pen(epoch=7), 200)
    for step in range(20):
        link.tick(now_s + step)
    other = Pen(epoch=epoch)
    events = link.feed(other.write(hello("S-0002"), features(0)), now_s + 21.0)
    assert [event.serial for event in events if isinstance(event, SensorReady)] == ["S-0002"]
    assert frames(events) == [0]
