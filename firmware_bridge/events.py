"""What a `SensorLink` tells the rest of the gateway: frozen values, in the order in which they happened.

For one sensor the order is always `SensorReady`, then any mix of `FeatureFrame`, `Gap`, `HealthReceived` and
`CalibrationReceived`, then `SensorLost`. Times ending in `_s` are seconds of the host's monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware_bridge.messages import CalibrationReport, Features, Health, Hello


class LinkState(StrEnum):
    """States of the link (session.py explains them)."""

    CLOSED = "closed"
    LISTENING = "listening"
    INTRODUCING = "introducing"
    READY = "ready"
    FADING = "fading"
    REFUSED = "refused"
    SILENT = "silent"
    GARBLED = "garbled"


class LostReason(StrEnum):
    """Why a sensor that was ready no longer is."""

    SILENT = "silent"
    GARBLED = "garbled"
    REBOOTED = "rebooted"
    SWAPPED = "swapped"
    REFUSED = "refused"
    PORT_CLOSED = "port_closed"


class RefusedReason(StrEnum):
    """Why a sensor's features are not passed on although it speaks the protocol."""

    UNKNOWN_LAYOUT = "unknown_layout"
    TOO_FAST = "too_fast"


@dataclass(frozen=True, slots=True)
class SensorReady:
    """The sensor introduced itself and its features may follow."""

    hello: Hello
    epoch: int
    now_s: float

    @property
    def serial(self) -> str:
        """The sensor's own serial number, its identity."""
        return self.hello.serial


@dataclass(frozen=True, slots=True)
class FeatureFrame:
    """One spectral frame.

    t_end_s: host-clock estimate of the end of its hop; t_err_s: by how much that may be off; received_s: when
    its bytes came.
    """

    serial: str
    epoch: int
    seq: int
    hop_index: int
    features: Features
    t_end_s: float
    received_s: float
    t_err_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """`hops` hops of this boot never came; comes before the `FeatureFrame` that shows it."""

    serial: str
    epoch: int
    hops: int


@dataclass(frozen=True, slots=True)
class SensorLost:
    """The sensor is gone, or must introduce itself again."""

    serial: str
    reason: LostReason
    now_s: float


@dataclass(frozen=True, slots=True)
class SensorRefused:
    """A sensor that cannot be used as it is. hint: what a technician can do."""

    serial: str
    reason: RefusedReason
    hint: str
    now_s: float


@dataclass(frozen=True, slots=True)
class HealthReceived:
    """The sensor reported its own state."""

    serial: str
    health: Health
    now_s: float


@dataclass(frozen=True, slots=True)
class CalibrationReceived:
    """The sensor hears a steady tone and reports it."""

    serial: str
    report: CalibrationReport
    epoch: int
    now_s: float


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link entered `state`. detail: one English clause for people, may be empty."""

    state: LinkState
    detail: str
    now_s: float


LinkEvent = (
    SensorReady
    | FeatureFrame
    | Gap
    | SensorLost
    | SensorRefused
    | HealthReceived
    | CalibrationReceived
    | LinkChanged
)
