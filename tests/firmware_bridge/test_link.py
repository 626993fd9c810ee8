"""A link against a scripted sensor: introductions, losses, swaps, reboots, gaps, and what is asked when."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.events import (
    CalibrationReceived,
    FeatureFrame,
    Gap,
    HealthReceived,
    LinkChanged,
    LinkEvent,
    LinkState,
    LostReason,
    RefusedReason,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.framing import Decoder, Frame, encode_frame
from firmware_bridge.link import SensorLink
from firmware_bridge.messages import (
    CalibrationReport,
    Health,
    HelloRequest,
    Message,
    TimeReply,
    TimeRequest,
    parse,
)
from tests.firmware_bridge.wire import Pen, features, hello

HEALTH = Health(5000, 215, 0, 3, 0, -9100, 800)
REPORT = CalibrationReport(80, 10000, -2600, 30, 10, 1000)


def opened(now_s: float = 0.0) -> SensorLink:
    link = SensorLink()
    link.opened(now_s)
    return link


def introduced(pen: Pen, now_s: float = 0.0) -> SensorLink:
    link = opened(now_s)
    link.feed(pen.write(hello()), now_s)
    assert link.state is LinkState.READY
    return link


def news(events: list[LinkEvent]) -> list[LinkEvent]:
    """Everything but the changes of state."""
    return [event for event in events if not isinstance(event, LinkChanged)]


def states(events: list[LinkEvent]) -> list[LinkState]:
    return [event.state for event in events if isinstance(event, LinkChanged)]


def said(link: SensorLink) -> list[Message]:
    frames = Decoder().feed(link.outgoing())
    messages = [parse(frame) for frame in frames if isinstance(frame, Frame)]
    assert len(messages) == len(frames)
    return messages  # type: ignore[return-value]


def test_a_sensor_introduces_itself_and_streams() -> None:
    pen, link = Pen(), opened()
    events = link.feed(pen.write(hello(), features(0), features(1), HEALTH, REPORT), 1.0)
    ready, *rest = news(events)
    assert ready == SensorReady(hello(), 7, 1.0)
    assert isinstance(rest[0], FeatureFrame)
    assert (rest[0].serial, rest[0].epoch, rest[0].seq, rest[0].hop_index) == ("S-0001", 7, 1, 0)
    assert rest[0].features == features(0)
    assert rest[0].t_end_s <= rest[0].received_s == 1.0
    assert rest[2:] == [
        HealthReceived("S-0001", HEALTH, 1.0),
        CalibrationReceived("S-0001", REPORT, 7, 1.0),
    ]


def test_features_before_a_hello_are_counted_and_a_hello_is_asked_for() -> None:
    pen, link = Pen(), opened()
    assert said(link) == [HelloRequest()]
    assert said(link) == []
    assert states(link.feed(pen.write(features(0), features(1)), 0.2)) == [LinkState.INTRODUCING]
    assert said(link) == [HelloRequest()]
    for now_s in (0.3, 0.9, 1.1):
        link.feed(pen.write(features(2)), now_s)
        link.tick(now_s)
    assert said(link) == []
    link.tick(1.25)
    assert said(link) == [HelloRequest()]
    assert link.counters.messages.unintroduced == 5
    assert news(link.feed(pen.write(hello()), 1.3)) == [SensorReady(hello(), 7, 1.3)]
    assert said(link) == []


def test_it_works_when_nothing_is_ever_written() -> None:
    pen, link = Pen(), opened()
    events = [event for hop in range(39) for event in link.feed(pen.write(features(hop)), hop / 8)]
    assert news(events) == []
    events = link.feed(pen.write(hello(), features(39)), 5.0)
    assert [type(event) for event in news(events)] == [SensorReady, FeatureFrame]


def test_a_gap_comes_before_the_frame_that_shows_it() -> None:
    pen = Pen()
    link = introduced(pen)
    link.feed(pen.write(features(10)), 0.1)
    gap, frame = news(link.feed(pen.write(features(14)), 0.6))
    assert gap == Gap("S-0001", 7, 3)
    assert isinstance(frame, FeatureFrame)
    assert link.counters.messages.missing_hops == 3


def test_frames_that_are_not_features_make_no_gap() -> None:
    pen = Pen()
    link = introduced(pen)
    link.feed(pen.write(features(0)), 0.1)
    pen.skip(5)
    assert [type(event) for event in news(link.feed(pen.write(features(1)), 0.3))] == [FeatureFrame]
    assert link.counters.sequence.lost == 5


def test_late_and_doubled_features_are_counted_but_not_passed_on() -> None:
    pen = Pen()
    link = introduced(pen)
    frames = [encode_frame(pen.frame(features(hop))) for hop in range(4)]
    events = link.feed(frames[0] + frames[2] + frames[1] + frames[2] + frames[3], 0.5)
    hops = [event.hop_index for event in events if isinstance(event, FeatureFrame)]
    assert hops == [0, 2, 3]
    counters = link.counters
    assert (counters.messages.late_features, counters.sequence.duplicate) == (1, 1)
    assert (counters.sequence.expected, counters.sequence.lost, counters.sequence.reordered) == (5, 0, 1)


def test_a_reboot_is_a_loss_and_needs_a_new_hello() -> None:
    pen = Pen(epoch=7)
    link = introduced(pen)
    link.feed(pen.write(features(0)), 0.1)
    said(link)
    reborn = Pen(epoch=8)
    events = link.feed(reborn.write(features(0)), 0.4)
    assert news(events) == [SensorLost("S-0001", LostReason.REBOOTED, 0.4)]
    assert said(link) == [HelloRequest()]
    events = link.feed(pen.write(features(1)) + reborn.write(hello(), features(1)), 0.6)
    assert [type(event) for event in news(events)] == [SensorReady, FeatureFrame]
    assert link.counters.sequence.stale_epoch == 1


def test_a_reboot_that_begins_with_its_hello() -> None:
    link = introduced(Pen(epoch=7))
    events = link.feed(Pen(epoch=8).write(hello()), 0.4)
    assert news(events) == [
        SensorLost("S-0001", LostReason.REBOOTED, 0.4),
        SensorReady(hello(), 8, 0.4),
    ]


@pytest.mark.parametrize("epoch", [3, 7, 9])
def test_a_swapped_sensor_is_known_by_its_serial_number(epoch: int) -> None:
    """Whatever its epoch: epochs of two sensors cannot be compared."""
    link = introduced(Pen(epoch=7))
    other = hello("S-0002")
    pen = Pen(epoch=epoch, seq=80_000)
    events = link.feed(pen.write(other, features(9)), 0.4)
    assert news(events)[:2] == [
        SensorLost("S-0001", LostReason.SWAPPED, 0.4),
        SensorReady(other, epoch, 0.4),
    ]
    assert isinstance(news(events)[2], FeatureFrame)


def test_a_hello_that_changes_within_a_boot_is_a_swap() -> None:
    pen = Pen()
    link = introduced(pen)
    events = link.feed(pen.write(hello(hop_samples=9600)), 0.4)
    assert [type(event) for event in news(events)] == [SensorLost, SensorReady]


def test_an_unknown_layout_is_refused_by_name() -> None:
    pen, link = Pen(), opened()
    strange = hello(layout_id=9)
    [refused] = news(link.feed(pen.write(strange, features(0), HEALTH), 0.1))
    assert isinstance(refused, SensorRefused)
    assert (refused.serial, refused.reason) == ("S-0001", RefusedReason.UNKNOWN_LAYOUT)
    assert "layout 9" in refused.hint
    assert news(link.feed(pen.write(strange, features(1)), 5.0)) == []
    assert link.counters.messages.refused == 3
    updated = Pen(epoch=8)
    assert news(link.feed(updated.write(hello()), 6.0)) == [SensorReady(hello(), 8, 6.0)]


def test_a_sensor_that_is_faster_than_privacy_allows_is_refused() -> None:
    [refused] = news(opened().feed(Pen().write(hello(hop_samples=960)), 0.1))
    assert isinstance(refused, SensorRefused)
    assert refused.reason is RefusedReason.TOO_FAST
    assert "50.0" in refused.hint


def test_silence_fades_then_loses_and_then_needs_a_hello() -> None:
    pen = Pen()
    link = introduced(pen)
    link.feed(pen.write(features(0)), 0.1)
    assert link.tick(2.0) == []
    assert states(link.tick(2.2)) == [LinkState.FADING]
    assert states(link.feed(pen.write(features(18)), 2.4)) == [LinkState.READY]
    assert states(link.tick(4.5)) == [LinkState.FADING]
    assert link.tick(5.3) == []
    events = link.tick(5.5)
    assert news(events) == [SensorLost("S-0001", LostReason.SILENT, 5.5)]
    assert states(events) == [LinkState.SILENT]
    assert link.tick(60.0) == []
    assert news(link.feed(pen.write(features(500)), 61.0)) == []
    assert link.counters.messages.unintroduced == 1
    events = link.feed(pen.write(hello(), features(501)), 61.2)
    assert [type(event) for event in news(events)] == [SensorReady, FeatureFrame]


def test_a_port_on_which_nobody_speaks() -> None:
    link = opened()
    assert link.tick(1.9) == []
    [changed] = link.tick(2.0)
    assert isinstance(changed, LinkChanged)
    assert changed.state is LinkState.SILENT
    assert "powered" in changed.detail


def test_a_wrong_baud_rate_is_garbled_with_a_hint() -> None:
    rng = random.Random(1)
    link = opened()
    events: list[LinkEvent] = []
    for step in range(30):
        events += link.feed(rng.randbytes(12), step / 8)
        events += link.tick(step / 8)
    assert states(events) == [LinkState.GARBLED]
    assert "baud" in events[0].detail  # type: ignore[union-attr]
    assert news(events) == []
    assert states(link.tick(6.0)) == [LinkState.SILENT]


def test_a_line_that_goes_bad_loses_the_sensor_as_garbled() -> None:
    rng = random.Random(2)
    link = introduced(Pen())
    events: list[LinkEvent] = []
    for step in range(30):
        events += link.feed(rng.randbytes(50), step / 8)
        events += link.tick(step / 8)
    assert states(events) == [LinkState.FADING, LinkState.GARBLED]
    assert news(events) == [SensorLost("S-0001", LostReason.GARBLED, 3.0)]
    assert news(link.feed(b"\0" + Pen(seq=40).write(hello()), 4.0)) == [SensorReady(hello(), 7, 4.0)]


def test_some_bad_frames_do_not_disturb() -> None:
    rng = random.Random(3)
    pen = Pen()
    link = introduced(pen)
    events: list[LinkEvent] = []
    for hop in range(200):
        events += link.feed(rng.randbytes(30) + b"\0" + pen.write(features(hop)), hop / 8)
        events += link.tick(hop / 8)
    assert [type(event) for event in events] == [FeatureFrame] * 200


def test_closing_and_opening_again() -> None:
    pen = Pen(epoch=7)
    link = introduced(pen)
    link.feed(pen.write(features(0))[:20], 0.1)
    events = link.closed("unplugged", 0.2)
    assert events == [
        SensorLost("S-0001", LostReason.PORT_CLOSED, 0.2),
        LinkChanged(LinkState.CLOSED, "unplugged", 0.2),
    ]
    assert link.closed("again", 0.3) == []
    assert link.tick(9.0) == []
    assert link.outgoing() == b""
    with pytest.raises(ValueError, match="not opened"):
        link.feed(b"\0", 9.0)
    link.opened(10.0)
    assert said(link) == [HelloRequest()]
    assert news(link.feed(Pen(epoch=2).write(hello()), 10.1)) == [SensorReady(hello(), 2, 10.1)]
    ledger = link.counters.bytes
    assert (ledger.cut_off, ledger.bad) == (20, 0)


def test_a_frame_from_the_future_changes_nothing() -> None:
    pen = Pen()
    link = introduced(pen)
    assert link.feed(Pen(seq=1_000_000).write(features(999_999)), 0.2) == []
    assert link.feed(Pen(epoch=99, seq=1_000_000).write(hello()), 0.2) == []
    assert [type(event) for event in link.feed(pen.write(features(0)), 0.3)] == [FeatureFrame]
    assert link.counters.sequence.future == 2


def test_other_addresses_and_our_own_echo_are_not_ours() -> None:
    link = opened()
    assert link.feed(Pen(address=5).write(hello(), features(0)), 0.1) == []
    assert link.feed(link.outgoing(), 0.1) == []
    assert link.counters.messages.not_ours == 3
    assert link.counters.sequence.expected == 0


def test_unknown_types_are_counted_and_ignored() -> None:
    pen = Pen()
    link = introduced(pen)
    assert link.feed(encode_frame(pen.raw_frame(0x07, b"log text")), 0.1) == []
    assert link.counters.messages.unknown_type == 1
    assert link.counters.sequence.delivered == 2


def test_a_bad_payload_is_a_loss_in_one_ledger_and_bad_bytes_in_the_other() -> None:
    pen = Pen()
    link = introduced(pen)
    broken = encode_frame(pen.raw_frame(0x02, b"short"))
    link.feed(broken + pen.write(features(0)), 0.1)
    counters = link.counters
    assert counters.bytes.bad_payload == len(broken)
    assert (counters.sequence.expected, counters.sequence.lost) == (3, 1)
    assert counters.messages.bad_frames == 1


def test_time_is_exchanged_every_second_at_first_and_then_every_five() -> None:
    pen = Pen()
    link = introduced(pen)
    said(link)
    asked: list[float] = []
    for step in range(1, 200):
        now_s = step / 8
        link.feed(pen.write(features(step)), now_s)
        link.tick(now_s)
        for message in said(link):
            assert isinstance(message, TimeRequest)
            asked.append(now_s)
            samples = 6000 * (step + 1)
            link.feed(pen.write(TimeReply(message.t1_us, samples + 48, samples + 96)), now_s + 0.004)
    assert asked == [0.125 + second for second in (*range(11), 15, 20)]
    clock = link.counters.clock
    assert clock is not None
    assert clock.exchanges == 13
    assert clock.rtt_s == pytest.approx(0.003)


def test_a_time_reply_that_was_not_asked_for_is_ignored() -> None:
    pen = Pen()
    link = introduced(pen)
    link.feed(pen.write(TimeReply(123, 5, 6)), 0.1)
    clock = link.counters.clock
    assert clock is not None
    assert clock.exchanges == 0


def lifecycle(rng: random.Random) -> list[bytes]:
    """Chunks of a hectic life: two sensors, reboots, losses, noise."""
    chunks: list[bytes] = []
    pens = [(Pen(epoch=3), "S-0001"), (Pen(epoch=9), "S-0002")]
    hop = 0
    for _ in range(400):
        pen, serial = pens[rng.random() < 0.1]
        match rng.randrange(12):
            case 0:
                chunks.append(pen.write(hello(serial, layout_id=rng.choice([1, 1, 1, 2]))))
            case 1:
                pen.epoch, pen.seq = pen.epoch + 1, 0
            case 2:
                pen.skip(rng.choice([1, 5, 5000]))
            case 3:
                chunks.append(rng.randbytes(rng.randrange(80)))
            case 4:
                chunks.append(pen.write(HEALTH)[:-3])
            case _:
                hop += rng.choice([1, 1, 1, 4])
                chunks.append(pen.write(features(hop)))
    return chunks


@pytest.mark.parametrize("seed", range(20))
def test_a_hectic_life_keeps_order_and_books(seed: int) -> None:
    rng = random.Random(seed)
    chunks = lifecycle(rng)
    link, bytewise = opened(), opened()
    events: list[LinkEvent] = []
    now_s = 0.0
    for chunk in chunks:
        now_s += rng.choice([0.0, 0.1, 0.1, 1.0, 4.0])
        whole = link.feed(chunk, now_s) + link.tick(now_s)
        split = [event for byte in chunk for event in bytewise.feed(bytes([byte]), now_s)]
        assert whole == split + bytewise.tick(now_s)
        events += whole
    assert link.counters == bytewise.counters
    assert link.counters.bytes.total == sum(map(len, chunks))
    check_order(events + link.closed("end", now_s))


def check_order(events: list[LinkEvent]) -> None:
    """Ready, then frames with rising hops and announced gaps, then lost; never anything else."""
    serial: str | None = None
    hop: int | None = None
    missing = 0
    for event in events:
        match event:
            case SensorReady():
                assert serial is None
                serial, hop, missing = event.serial, None, 0
            case SensorLost():
                assert serial == event.serial
                serial = None
            case Gap():
                assert serial == event.serial
                missing = event.hops
            case FeatureFrame():
                assert serial == event.serial
                assert hop is None or event.hop_index == hop + 1 + missing
                hop, missing = event.hop_index, 0
    assert serial is None
