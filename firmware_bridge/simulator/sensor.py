"""A sensor without hardware: the real messages over the real codec, and no I/O, clock or thread.

Time is an argument: seconds of the simulated world, in which the sensor's own clock may run fast or slow.
What has to be sent comes out of `advance`; what the gateway says goes into `receive`. All that a sensor does
by itself happens at the end of a hop: a frame each hop, a hello every 5 s, health every 10 s, a calibration
report every second while a calibrator's tone dominates. It says hello at boot and answers requests at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.framing import Decoder, Frame, encode_frame
from firmware_bridge.messages import (
    NOT_MEASURED_I16,
    CalibrationReport,
    Health,
    Hello,
    HelloRequest,
    Message,
    TimeReply,
    TimeRequest,
    pack,
    parse,
)
from firmware_bridge.simulator.faulty_line import FaultyLine
from firmware_bridge.simulator.playback import Playback
from firmware_bridge.simulator.sound import OVERLOAD_CODE
from firmware_bridge.simulator.synthetic import SELF_NOISE_DB_SPL, tone

HELLO_EVERY_S = 5.0
HEALTH_EVERY_S = 10.0
CALIBRATION_EVERY_S = 1.0
CALIBRATION_AVERAGING_S = 3.0

_U32 = 0xFFFFFFFF
_I16_MAX = 32767


@dataclass(frozen=True, slots=True)
class CalibratorTone:
    """The tone of a calibrator on the microphone, as the sensor will report it.

    level_db: SPL; frequency_hz; stability_db: standard deviation of the level; distortion_percent.
    """

    level_db: float = 94.0
    frequency_hz: float = 1000.0
    stability_db: float = 0.01
    distortion_percent: float = 0.5


@dataclass(frozen=True, slots=True)
class SensorTruth:
    """What the sensor really did since it was made: hops heard and frames given to the line."""

    boots: int
    hops: int
    frames: int


class SimulatedSensor:
    """One sensor from its making on; `hello` is what it says of itself, `epoch` its first boot."""

    def __init__(
        self,
        hello: Hello,
        epoch: int,
        playback: Playback,
        line: FaultyLine,
        *,
        boot_s: float = 0.0,
        skew_ppm: float = 0.0,
        mic_error_db: float = 0.0,
    ) -> None:
        self.hello = hello
        self.playback = playback
        self.line = line
        self.stalled = False
        self._epoch = epoch
        self._mic_error_db = mic_error_db
        self._skew_ppm = skew_ppm
        self._tone: CalibratorTone | None = None
        self._tone_hops = 0
        self._requests = Decoder()
        self._outbox: list[tuple[float, Message]] = []
        self._boots = 0
        self._hops = 0
        self._frames = 0
        self._powered = False
        self.switch_on(boot_s)

    @property
    def serial(self) -> str:
        """Its serial number."""
        return self.hello.serial

    @property
    def epoch(self) -> int:
        """The boot it is in."""
        return self._epoch

    @property
    def powered(self) -> bool:
        """Whether it is switched on."""
        return self._powered

    @property
    def truth(self) -> SensorTruth:
        """What it really did."""
        return SensorTruth(self._boots, self._hops, self._frames)

    @property
    def due_s(self) -> float:
        """When `advance` will next have something; infinity while it is without power."""
        if not self._outbox:
            return self._hop_end_s
        return min(self._hop_end_s, *(t_s for t_s, _message in self._outbox))

    def advance(self, until_s: float) -> list[tuple[float, bytes]]:
        """Live until `until_s`, inclusive; what it put on the line, each with its time."""
        sent: list[tuple[float, bytes]] = []
        while (due_s := self.due_s) <= until_s:
            if self._hop_end_s <= due_s:
                self._end_hop(due_s)
            sent += self._send_until(due_s)
        return sent

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the gateway; the answer comes out of the next `advance`."""
        for item in self._requests.feed(data):
            if self._powered and now_s >= self._booted_s and isinstance(item, Frame):
                self._answer(parse(item), now_s)

    def switch_off(self) -> None:
        """Take its power away."""
        self._powered = False
        self._hop_end_s = float("inf")
        self._outbox.clear()
        self.line.clear()

    def switch_on(self, now_s: float) -> None:
        """Give it power: it boots, in a new epoch unless it is its first boot, and says hello."""
        if self._boots:
            self._epoch = (self._epoch + 1) & _U32
        self._boots += 1
        self._powered = True
        self._seq = 0
        self._hop_index = 0
        self._overloads = 0
        self._tone_hops = 0
        self._booted_s = now_s
        self._begin_hop(now_s)
        self._outbox = [(now_s, self.hello)]

    def set_skew(self, skew_ppm: float) -> None:
        """Let its clock run fast (positive) or slow from the hop that is going on."""
        self._skew_ppm = skew_ppm
        if self._powered:
            self._begin_hop(self._hop_started_s)

    def set_tone(self, calibrator: CalibratorTone | None) -> None:
        """Put a calibrator on the microphone, or take it off (None)."""
        self._tone = calibrator
        self._tone_hops = 0

    def _begin_hop(self, now_s: float) -> None:
        self._hop_started_s = now_s
        self._hop_end_s = now_s + self.hello.hop_s / (1 + self._skew_ppm * 1e-6)

    def _hops_in(self, duration_s: float) -> int:
        return round(duration_s / self.hello.hop_s)

    def _end_hop(self, now_s: float) -> None:
        features = self.playback.next_hop()
        if self._tone is not None:
            features = tone(self._wire_db(self._tone.level_db), self._tone.frequency_hz)
            self._tone_hops += 1
        self._overloads += features.lcpeak_code == OVERLOAD_CODE
        index = self._hop_index
        self._begin_hop(now_s)
        self._hop_index = (index + 1) & _U32
        self._hops += 1
        if self.stalled:
            return
        self._outbox.append((now_s, features._replace(hop_index=index)))
        done = index + 1
        if done % self._hops_in(HELLO_EVERY_S) == 0:
            self._outbox.append((now_s, self.hello))
        if done % self._hops_in(HEALTH_EVERY_S) == 0:
            self._outbox.append((now_s, self._health()))
        averaged = self._tone_hops >= self._hops_in(CALIBRATION_AVERAGING_S)
        if self._tone is not None and averaged and self._tone_hops % self._hops_in(CALIBRATION_EVERY_S) == 0:
            self._outbox.append((now_s, self._report(self._tone, index)))

    def _answer(self, message: object, now_s: float) -> None:
        if self.stalled:
            return
        match message:
            case HelloRequest():
                self._outbox.append((now_s, self.hello))
            case TimeRequest():
                samples = self._samples_at(now_s)
                self._outbox.append((now_s, TimeReply(message.t1_us, samples, samples)))

    def _samples_at(self, now_s: float) -> int:
        into_hop = (now_s - self._hop_started_s) * (1 + self._skew_ppm * 1e-6) * self.hello.sample_rate_hz
        return self._hop_index * self.hello.hop_samples + round(into_hop)

    def _wire_db(self, spl_db: float) -> float:
        return spl_db - self.hello.full_scale_db + self._mic_error_db

    def _health(self) -> Health:
        return Health(
            supply_mv=5000,
            temperature_dc=215,
            overload_count=self._overloads,
            dc_offset=0,
            dropped_frames=0,
            self_noise_cdb=max(round(self._wire_db(SELF_NOISE_DB_SPL) * 100), NOT_MEASURED_I16 + 1),
            uptime_hops=self._hop_index,
        )

    def _report(self, calibrator: CalibratorTone, hop_index: int) -> CalibrationReport:
        return CalibrationReport(
            hop_index=hop_index,
            frequency_dhz=round(calibrator.frequency_hz * 10),
            level_cdb=min(round(self._wire_db(calibrator.level_db) * 100), _I16_MAX),
            distortion_cpct=round(calibrator.distortion_percent * 100),
            stability_mdb=round(calibrator.stability_db * 1000),
            averaging_ms=round(CALIBRATION_AVERAGING_S * 1000),
        )

    def _send_until(self, until_s: float) -> list[tuple[float, bytes]]:
        """Encode what is waiting for a time until then and put it on the line."""
        sent = []
        due = [waiting for waiting in self._outbox if waiting[0] <= until_s]
        self._outbox = [waiting for waiting in self._outbox if waiting[0] > until_s]
        for t_s, message in due:
            kind, payload = pack(message)
            encoded = encode_frame(Frame(kind, 0, 0, self._epoch, self._seq, payload))
            self._seq = (self._seq + 1) & _U32
            self._frames += 1
            data = self.line.carry(encoded)
            if data:
                sent.append((t_s, data))
        return sent
