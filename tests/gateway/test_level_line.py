from __future__ import annotations

import io

import pytest

from firmware_bridge.port_states import PortChanged, PortState
from gateway.calibration.session import CalibrationSession
from gateway.tools.level_line import LevelLine
from tests.gateway.test_calibration_session import heard


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "written"), [(io.StringIO(), "{0}\n{1}\n"), (Terminal(), "\r\x1b[K{0}\r\x1b[K{1}\n")]
)
def test_once_a_second_in_place_on_a_terminal(out: io.StringIO, written: str) -> None:
    states = {"/dev/x": PortChanged("/dev/x", PortState.BUSY, "", 0.0)}
    with LevelLine(out, "en") as line:
        line.show(CalibrationSession("AS-1"), states, 10.0)
        line.show(CalibrationSession("AS-1"), states, 10.9)
        line.show(heard(3), states, 11.0)
    assert out.getvalue() == written.format(
        "waiting for the sensor (/dev/x: another program holds the port)",
        "  92.5 dB(A) | tone 1000.0 Hz 92.50 dB, distortion 0.4 % | "
        "3 s of steady tone so far, 5 s are needed. Leave the calibrator where it is",
    )
