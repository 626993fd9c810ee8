"""One sensor link without I/O: bytes in, `LinkEvent`s out, and the few bytes to send back.

The owner (a port thread, a replay, a test) calls `opened`, then `feed` for every read and `tick` about ten
times a second, writes what `outgoing` returns, and calls `closed` when the port is gone. Time is always an
argument: seconds of the host's monotonic clock. Nothing has to be written for the link to work, because a
sensor introduces itself every five seconds anyway; asking only makes it quicker.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from firmware_bridge.device_clock import ClockState, DeviceClock
from firmware_bridge.events import (
    CalibrationReceived,
    FeatureFrame,
    Gap,
    HealthReceived,
    LinkChanged,
    LinkEvent,
    LinkState,
    RefusedReason,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.framing import BadFrame, Decoder, Frame, encode_frame
from firmware_bridge.ledger import ByteLedger, SequenceCounts, SequenceLedger
from firmware_bridge.messages import (
    FROM_GATEWAY,
    CalibrationReport,
    Features,
    Health,
    Hello,
    HelloRequest,
    Message,
    TimeReply,
    TimeRequest,
    Unknown,
    pack,
    parse,
)
from firmware_bridge.session import LOST_REASONS, Action, Cause, Session
from firmware_bridge.time_asker import TimeAsker

SILENT_AFTER_S: Final = 2.0
LOST_AFTER_S: Final = 3.0
GARBLED_BYTES: Final = 32
ASK_AGAIN_S: Final = 1.0
HOP_SLACK: Final = 64
MOST_LATE_HOPS: Final = 64
CONFIRM_HOPS: Final = 3
# Privacy: no sensor may send more spectral frames a second, whatever its layout (PROTOCOL.md section 10).
MAX_FRAME_RATE_HZ: Final = 10.0

_POINT_TO_POINT: Final = 0

_DETAILS: Final = {
    LinkState.CLOSED: "port closed",
    LinkState.LISTENING: "port open, waiting for a frame",
    LinkState.INTRODUCING: "frames arrive, waiting for the sensor to say who it is",
    LinkState.READY: "sensor streams",
    LinkState.FADING: "no good frame for a while",
    LinkState.REFUSED: "the sensor cannot be used as it is",
    LinkState.SILENT: "nothing arrives: is the sensor powered, and is this its port?",
    LinkState.GARBLED: "bytes arrive but no frame is intact: is the baud rate wrong, or the cable damaged?",
}


@dataclass(slots=True)
class MessageCounts:
    """What became of frames.

    bad_frames: runs of bytes that were none, or whose payload was bad; features: passed on; missing_hops:
    announced as `Gap`; late_features: delivered after a later hop and so not passed on; odd_hops: with a hop
    index that time does not explain; unintroduced: came before a hello; refused: from a refused sensor;
    not_ours: other address, or our own words echoed; unknown_type: of a newer protocol.
    """

    bad_frames: int = 0
    features: int = 0
    missing_hops: int = 0
    late_features: int = 0
    odd_hops: int = 0
    unintroduced: int = 0
    refused: int = 0
    not_ours: int = 0
    unknown_type: int = 0


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """Snapshot of everything counted since the link was made; reopening the port does not reset it."""

    bytes: ByteLedger
    sequence: SequenceCounts
    messages: MessageCounts
    clock: ClockState | None


def refusal(hello: Hello, layouts: Collection[int]) -> tuple[RefusedReason, str] | None:
    """Why this sensor cannot be used, with a hint for the technician; None if it can."""
    if hello.layout_id not in layouts:
        known = ", ".join(str(layout) for layout in sorted(layouts))
        return RefusedReason.UNKNOWN_LAYOUT, (
            f"sensor {hello.serial} (firmware {hello.firmware}) sends feature layout {hello.layout_id}, "
            f"this gateway reads {known}: update the gateway, or the sensor's firmware"
        )
    if hello.hop_samples * MAX_FRAME_RATE_HZ < hello.sample_rate_hz:
        rate_hz = hello.sample_rate_hz / hello.hop_samples
        return RefusedReason.TOO_FAST, (
            f"sensor {hello.serial} would send {rate_hz:.1f} spectral frames a second, the privacy limit is "
            f"{MAX_FRAME_RATE_HZ:.0f}: install firmware that keeps it"
        )
    return None


class SensorLink:
    """Everything about one port but the port itself."""

    def __init__(
        self, layouts: Collection[int] = (1,), *, gateway_epoch: int = 0, baud: int | None = None
    ) -> None:
        """layouts: that can be used; gateway_epoch: of our own frames; baud: None if bytes take no time."""
        self._layouts = frozenset(layouts)
        self._gateway_epoch = gateway_epoch
        self._baud = baud
        self._decoder = Decoder()
        self._sequence = SequenceLedger()
        self._session = Session()
        self._counts = MessageCounts()
        self._hello: Hello | None = None
        self._clock: DeviceClock | None = None
        self._last_serial: str | None = None
        self._last_hop: int | None = None
        self._hop_s = 0.0
        self._odd_hop: int | None = None
        self._odd_hops = 0
        self._good_s = 0.0
        self._junk_bytes = 0
        self._junk_s = 0.0
        self._pending_s = 0.0
        self._ask_hello = False
        self._asked_s = 0.0
        self._ask_time: TimeRequest | None = None
        self._time_asker = TimeAsker()
        self._sent = 0

    @property
    def state(self) -> LinkState:
        """Where the link stands."""
        return self._session.state

    @property
    def hello(self) -> Hello | None:
        """How the sensor introduced itself, None while it is not ready (or refused)."""
        return self._hello

    @property
    def counters(self) -> LinkCounters:
        """A snapshot that does not change afterwards."""
        return LinkCounters(
            bytes=replace(self._decoder.ledger),
            sequence=self._sequence.counts,
            messages=replace(self._counts),
            clock=self._clock.state if self._clock else None,
        )

    def opened(self, now_s: float) -> list[LinkEvent]:
        """The port is open. Nothing heard before is held against what comes: it may be another sensor."""
        self._sequence.forget_sender()
        self._good_s = now_s
        self._junk_bytes = 0
        events: list[LinkEvent] = []
        self._cause(Cause.OPENED, now_s, events)
        return events

    def closed(self, reason: str, now_s: float) -> list[LinkEvent]:
        """The port is gone; reason: one clause for people."""
        self._decoder.discard_pending()
        self._ask_hello = False
        self._ask_time = None
        events: list[LinkEvent] = []
        self._cause(Cause.CLOSED, now_s, events, detail=reason)
        return events

    def feed(self, chunk: bytes, now_s: float) -> list[LinkEvent]:
        """Take bytes that were read just now; return what they meant, in order."""
        if self.state is LinkState.CLOSED:
            raise ValueError("bytes fed to a link that was not opened")
        events: list[LinkEvent] = []
        for item in self._decoder.feed(chunk):
            if isinstance(item, BadFrame):
                self._note_junk(len(item.raw), now_s)
            elif self._on_frame(item, now_s, events):
                self._good_s = now_s
                self._junk_bytes = 0
        if self._decoder.pending:
            self._pending_s = now_s
        return events

    def tick(self, now_s: float) -> list[LinkEvent]:
        """Let time pass. Call it after `feed`, so that a stalled reader is not taken for silence."""
        events: list[LinkEvent] = []
        if self.state is LinkState.CLOSED:
            return events
        quiet_s = now_s - self._good_s
        noisy = self._noise_bytes(now_s) >= GARBLED_BYTES
        if quiet_s >= SILENT_AFTER_S:
            self._cause(Cause.NOISE if noisy else Cause.SILENCE, now_s, events)
        if quiet_s >= LOST_AFTER_S:
            self._cause(Cause.NOISE_LASTS if noisy else Cause.SILENCE_LASTS, now_s, events)
        if self.state is LinkState.INTRODUCING and now_s - self._asked_s >= ASK_AGAIN_S:
            self._ask(now_s)
        if self.state is LinkState.READY and self._clock is not None:
            self._ask_time = self._time_asker.question(now_s, self._clock.known_exchanges) or self._ask_time
        return events

    def outgoing(self) -> bytes:
        """The bytes to write now, often none. What is not written is not missed."""
        sent = b""
        if self._ask_hello:
            self._ask_hello = False
            sent += self._encode(HelloRequest())
        if self._ask_time is not None:
            sent += self._encode(self._ask_time)
            self._ask_time = None
        return sent

    def _on_frame(self, frame: Frame, now_s: float, events: list[LinkEvent]) -> bool:
        """Handle one intact frame; True if it came from the sensor, in sequence."""
        if frame.address != _POINT_TO_POINT or frame.type & FROM_GATEWAY:
            self._counts.not_ours += 1
            return False
        message = parse(frame)
        if isinstance(message, BadFrame):
            self._decoder.ledger.rebook_bad_payload(len(message.raw))
            self._note_junk(len(message.raw), now_s)
            return False
        if isinstance(message, Hello) and self._last_serial not in (None, message.serial):
            # Epochs compare only within one sensor: this comes before the sequence is looked at.
            self._sequence.forget_sender()
            self._cause(Cause.OTHER_HELLO, now_s, events)
        continues = self._sequence.started
        arrival = self._sequence.observe(frame.epoch, frame.seq, now_s)
        if not arrival.accepted:
            return False
        if continues and arrival.begins:
            self._cause(Cause.REBOOTED, now_s, events)
        if isinstance(message, Hello):
            self._on_hello(message, frame.epoch, now_s, events)
        else:
            self._cause(Cause.HEARD, now_s, events)
            self._on_message(message, frame, now_s, events)
        return True

    def _on_hello(self, hello: Hello, epoch: int, now_s: float, events: list[LinkEvent]) -> None:
        self._last_serial = hello.serial
        if self._hello is not None and hello != self._hello:
            self._cause(Cause.OTHER_HELLO, now_s, events)
        self._hello = hello
        cause = Cause.BAD_HELLO if refusal(hello, self._layouts) else Cause.HELLO
        self._cause(cause, now_s, events, epoch=epoch)

    def _on_message(self, message: Message, frame: Frame, now_s: float, events: list[LinkEvent]) -> None:
        """Handle anything but a hello, from a sensor in sequence."""
        if isinstance(message, Unknown):
            self._counts.unknown_type += 1
            return
        hello, clock = self._hello, self._clock
        if hello is None:
            self._counts.unintroduced += 1
            return
        if clock is None:
            self._counts.refused += 1
            return
        match message:
            case Features():
                self._on_features(message, frame, hello.serial, clock, now_s, events)
            case Health():
                events.append(HealthReceived(hello.serial, message, now_s))
            case CalibrationReport():
                events.append(CalibrationReceived(hello.serial, message, frame.epoch, now_s))
            case TimeReply():
                t1_s = self._time_asker.asked_s(message)
                if t1_s is not None:
                    clock.exchange(t1_s, message.t2_samples, message.t3_samples, now_s)

    def _on_features(
        self,
        features: Features,
        frame: Frame,
        serial: str,
        clock: DeviceClock,
        now_s: float,
        events: list[LinkEvent],
    ) -> None:
        hop = features.hop_index
        if self._last_hop is not None:
            missing = hop - self._last_hop - 1
            if -MOST_LATE_HOPS <= missing < 0:
                # Its place was announced as a gap already, and the pipeline cannot go back.
                self._counts.late_features += 1
                return
            if not self._can_follow(missing, hop, now_s):
                if missing < 0 and self._odd_hops >= CONFIRM_HOPS:
                    # It counts anew without a new epoch; as after a boot, it must say who it is.
                    self._cause(Cause.REBOOTED, now_s, events)
                return
            if missing:
                self._counts.missing_hops += missing
                events.append(Gap(serial, frame.epoch, missing))
        self._last_hop = hop
        self._hop_s = now_s
        self._odd_hops = 0
        self._counts.features += 1
        end_s, epoch = clock.end_of_hop_s(hop, now_s), frame.epoch
        events.append(FeatureFrame(serial, epoch, frame.seq, hop, features, end_s, now_s, clock.error_s))

    def _can_follow(self, missing: int, hop: int, now_s: float) -> bool:
        """Whether time allows so many missing hops; one absurd index must not deafen a sensor.

        A jump ahead that time does not explain is believed once `CONFIRM_HOPS` frames in a row agree on it.
        """
        most = HOP_SLACK + (now_s - self._hop_s) * MAX_FRAME_RATE_HZ
        if 0 <= missing <= most:
            return True
        agrees = self._odd_hop is not None and 0 < hop - self._odd_hop <= MOST_LATE_HOPS
        self._odd_hops = self._odd_hops + 1 if agrees and self._odd_hops else 1
        self._odd_hop = hop
        if missing > 0 and self._odd_hops >= CONFIRM_HOPS:
            return True
        self._counts.odd_hops += 1
        return False

    def _cause(
        self, cause: Cause, now_s: float, events: list[LinkEvent], *, detail: str = "", epoch: int = 0
    ) -> None:
        """Move the session and do what its table says. epoch: needed where a sensor may become ready."""
        before = self.state
        hello = self._hello
        for action in self._session.handle(cause):
            match action:
                case Action.LOSE if hello is not None:
                    events.append(SensorLost(hello.serial, LOST_REASONS[cause], now_s))
                case Action.FORGET:
                    self._forget_sensor()
                case Action.READY if hello is not None:
                    self._clock = DeviceClock(hello.sample_rate_hz, hello.hop_samples, self._baud)
                    self._ask_hello = False
                    self._time_asker.begin(now_s)
                    events.append(SensorReady(hello, epoch, now_s))
                case Action.REFUSE if hello is not None:
                    self._hello = hello
                    self._refuse(hello, now_s, events)
                case Action.ASK:
                    self._ask(now_s)
        if self.state is not before:
            events.append(LinkChanged(self.state, detail or _DETAILS[self.state], now_s))

    def _refuse(self, hello: Hello, now_s: float, events: list[LinkEvent]) -> None:
        refused = refusal(hello, self._layouts)
        self._ask_hello = False
        if refused is not None:
            events.append(SensorRefused(hello.serial, *refused, now_s))

    def _forget_sensor(self) -> None:
        self._hello = None
        self._clock = None
        self._last_hop = None
        self._time_asker.forget()
        self._ask_time = None

    def _ask(self, now_s: float) -> None:
        self._ask_hello = True
        self._asked_s = now_s

    def _encode(self, message: Message) -> bytes:
        kind, payload = pack(message)
        frame = Frame(kind, 0, _POINT_TO_POINT, self._gateway_epoch, self._sent, payload)
        self._sent = (self._sent + 1) & 0xFFFFFFFF
        return encode_frame(frame)

    def _note_junk(self, count: int, now_s: float) -> None:
        self._counts.bad_frames += 1
        if now_s - self._junk_s > SILENT_AFTER_S:
            self._junk_bytes = 0
        self._junk_bytes += count
        self._junk_s = now_s

    def _noise_bytes(self, now_s: float) -> int:
        """Recent bytes that are no frame, those included whose delimiter has not come."""
        junk = self._junk_bytes if now_s - self._junk_s <= SILENT_AFTER_S else 0
        pending = self._decoder.pending if now_s - self._pending_s <= SILENT_AFTER_S else 0
        return junk + pending
