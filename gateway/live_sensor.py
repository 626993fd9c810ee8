"""One sensor that streams now: its pipeline, its clock against the host's, and its level meter."""

from __future__ import annotations

import math
from dataclasses import replace

from dsp.layout import HOP_S
from firmware_bridge.events import FeatureFrame
from gateway.alerts import SensorContext, StreamClock
from gateway.clock import HostClock
from gateway.contract.vocabulary import ClockState
from gateway.decisions.decider import Decision, EndReason
from gateway.features import codes_of
from gateway.pipeline import Analysis, SensorPipeline


class LevelMeter:
    """LAeq, highest LAFmax and background since it was last read."""

    def __init__(self) -> None:
        self._energy = 0.0
        self._hops = 0
        self._lafmax_db = -math.inf
        self._ambient_db: float | None = None

    def hear(self, analysis: Analysis) -> None:
        self._energy += 10.0 ** (analysis.laeq_db / 10.0)
        self._hops += 1
        self._lafmax_db = max(self._lafmax_db, analysis.lafmax_db)
        self._ambient_db = analysis.ambient_db

    def read(self) -> tuple[float, float, float, float | None] | None:
        """(period in s, LAeq, LAFmax, background or None), and start anew; None if nothing was heard."""
        if self._hops == 0:
            return None
        laeq_db = 10.0 * math.log10(self._energy / self._hops)
        reading = (self._hops * HOP_S, laeq_db, self._lafmax_db, self._ambient_db)
        self._energy, self._hops, self._lafmax_db = 0.0, 0, -math.inf
        return reading


class LiveSensor:
    """A bound sensor from its hello to its loss."""

    def __init__(self, context: SensorContext, pipeline: SensorPipeline) -> None:
        self.context = context
        self.pipeline = pipeline
        self.meter = LevelMeter()
        self._stream_s = 0.0
        self._host_s: float | None = None
        self._host_error_s = 0.0

    def hear(self, frame: FeatureFrame) -> Analysis:
        """One hop; the sensor's stream clock counts its own hops since boot."""
        self._stream_s = (frame.hop_index + 1) * HOP_S
        self._host_s, self._host_error_s = frame.t_end_s, frame.t_err_s
        analysis = self.pipeline.hear(codes_of(frame.features), self._stream_s)
        self.meter.hear(analysis)
        return analysis

    def miss(self, hops: int) -> None:
        self.pipeline.miss(hops)

    def close(self, reason: EndReason) -> tuple[Decision, ...]:
        return self.pipeline.close(reason, self._stream_s)

    def recalibrate(self, full_scale_db: float, calibration_id: str | None) -> None:
        """From the next hop on; events that are open go on and name the new calibration."""
        self.pipeline.full_scale_db = full_scale_db
        self.context = replace(self.context, calibration_id=calibration_id)

    @property
    def stream_s(self) -> float:
        """Stream time of the newest hop's end."""
        return self._stream_s

    @property
    def host_error_s(self) -> float:
        """How well the host's monotonic time of the newest hop is known."""
        return self._host_error_s

    def stream_zero_s(self, clock: HostClock) -> float:
        """Stream time 0 in the host's monotonic seconds, by the newest hop."""
        return (clock.monotonic_s() if self._host_s is None else self._host_s) - self._stream_s

    def stream_clock(self, clock: HostClock) -> StreamClock:
        """Where stream time lies in UTC, by the newest hop and the host's clock as it stands now.

        The error holds both: how far UTC may be off, and how well the hop's end is known.
        """
        host_s = clock.monotonic_s() if self._host_s is None else self._host_s
        quality = clock.quality()
        return StreamClock(
            zero_utc_s=clock.utc_at(host_s).timestamp() - self._stream_s,
            state=ClockState(quality.state),
            error_ms=None if quality.error_ms is None else quality.error_ms + self._host_error_s * 1000.0,
        )
