"""Event time through the whole link: a simulated sensor's bytes, delayed, jittered and lost on both ways."""

from __future__ import annotations

import heapq
import random
from itertools import count

import pytest

from firmware_bridge.events import FeatureFrame
from firmware_bridge.link import SensorLink
from firmware_bridge.messages import Hello
from firmware_bridge.simulator.faulty_line import FaultRates, FaultyLine
from firmware_bridge.simulator.playback import Playback
from firmware_bridge.simulator.sensor import SimulatedSensor
from tests.support.simulated import LIBRARY

HELLO = Hello("S-1", "", "", 1, 12_000, 48_000, 6_000)
BOOT_S, HOP_S = 1000.0, 0.125
BIT_S = 1.0 / 115_200
TICK_S = 0.25


class DelayedLine:
    """Both directions of a serial line at 115200 baud with 10 ms of jitter, in simulated time."""

    def __init__(self, seed: int, skew_ppm: float) -> None:
        self.rng = random.Random(seed)
        wire = FaultyLine(random.Random(seed + 1000))
        wire.rates = FaultRates(drop=0.01)
        bed = Playback(LIBRARY["yard"], HELLO.full_scale_db)
        self.sensor = SimulatedSensor(HELLO, 1, bed, wire, boot_s=BOOT_S, skew_ppm=skew_ppm)
        self.link = SensorLink(baud=115_200)
        self.link.opened(BOOT_S)
        self.order = count()
        self.arriving: list[tuple[float, int, bytes]] = []
        self.leaving: list[tuple[float, int, bytes]] = []
        self.last_s = BOOT_S

    def run(self, seconds: float) -> list[FeatureFrame]:
        heard: list[FeatureFrame] = []
        for step in range(1, round(seconds / TICK_S) + 1):
            tick_s = BOOT_S + step * TICK_S
            self._live_until(tick_s)
            heard += self._hear_until(tick_s)
            self.link.tick(tick_s)
            asked = self.link.outgoing()
            if asked:
                self._send(self.leaving, tick_s, asked)
        return heard

    def _live_until(self, until_s: float) -> None:
        while self.leaving and self.leaving[0][0] <= until_s:
            at_s, _, data = heapq.heappop(self.leaving)
            self._speak_until(at_s)
            self.sensor.receive(data, at_s)
        self._speak_until(until_s)

    def _speak_until(self, until_s: float) -> None:
        for sent_s, data in self.sensor.advance(until_s):
            self._send(self.arriving, sent_s, data)

    def _send(self, queue: list[tuple[float, int, bytes]], at_s: float, data: bytes) -> None:
        due_s = at_s + len(data) * 10 * BIT_S + self.rng.uniform(0.0, 0.010)
        heapq.heappush(queue, (due_s, next(self.order), data))

    def _hear_until(self, until_s: float) -> list[FeatureFrame]:
        heard: list[FeatureFrame] = []
        while self.arriving and self.arriving[0][0] <= until_s:
            due_s, _, data = heapq.heappop(self.arriving)
            self.last_s = max(self.last_s, due_s)
            events = self.link.feed(data, self.last_s)
            heard += [event for event in events if isinstance(event, FeatureFrame)]
        return heard


@pytest.mark.parametrize("skew_ppm", [-50.0, 50.0])
def test_event_time_is_within_five_milliseconds_and_says_how_sure_it_is(skew_ppm: float) -> None:
    for seed in range(4):
        line = DelayedLine(seed, skew_ppm)
        frames = line.run(240.0)
        assert 0.97 * 1920 < len(frames) < 1920
        hop_s = HOP_S / (1.0 + skew_ppm * 1e-6)
        off_s = [abs(frame.t_end_s - (BOOT_S + (frame.hop_index + 1) * hop_s)) for frame in frames]
        assert all(off <= frame.t_err_s for off, frame in zip(off_s, frames, strict=True))
        assert sum(off <= 0.005 for off in off_s[16:]) >= 0.99 * len(off_s[16:])
        assert max(off_s[240:]) <= 0.005
        assert max(frame.t_err_s for frame in frames[240:]) <= 0.010
        clock = line.link.counters.clock
        assert clock is not None
        assert clock.rate_ppm == pytest.approx(-skew_ppm, abs=2.0)
        assert (clock.steps, clock.refused) == (0, 0)
