"""What the app takes from the settings for each port."""

from __future__ import annotations

from gateway.app import baud_of
from gateway.settings.schema import PortSettings


def test_a_port_found_by_a_pattern_runs_at_the_speed_of_its_entry() -> None:
    ports = (
        PortSettings(url="/dev/serial/by-id/*", baud=921_600),
        PortSettings(url="/dev/ttyUSB0", baud=57_600),
        PortSettings(url="/dev/ttyUSB*", baud=230_400),
    )
    assert baud_of("/dev/serial/by-id/usb-1", ports) == 921_600
    assert baud_of("/dev/ttyUSB0", ports) == 57_600
    assert baud_of("/dev/ttyUSB1", ports) == 230_400
    assert baud_of("socket://box:4000", ports) == 115_200
