"""Who is who at the ports: bound, unbound, duplicate, swapped."""

from __future__ import annotations

from firmware_bridge.messages import Hello
from gateway.sensors import SensorRegistry, Standing


def hello(serial: str) -> Hello:
    return Hello(
        serial=serial,
        hardware="test",
        firmware="1.0",
        layout_id=1,
        full_scale_cdb=12_000,
        sample_rate_hz=48_000,
        hop_samples=6_000,
    )


def registry() -> SensorRegistry:
    return SensorRegistry({"north": "AS-1", "south": "AS-2"})


def test_a_bound_sensor_has_its_place_at_whatever_port() -> None:
    sensors = registry()
    assert sensors.seat("/dev/a", hello("AS-2"), 1).sensor_id == "south"
    sensors.leave("/dev/a")
    seated = sensors.seat("/dev/b", hello("AS-2"), 1)
    assert (seated.sensor_id, seated.standing) == ("south", Standing.BOUND)


def test_an_unbound_sensor_is_shown_under_an_id_that_topics_can_carry() -> None:
    seated = registry().seat("/dev/a", hello("strange.one"), 1)
    assert seated.standing is Standing.UNBOUND
    assert seated.sensor_id.startswith("unbound-strange-one")
    assert "." not in seated.sensor_id


def test_of_two_with_one_serial_the_first_stays() -> None:
    sensors = registry()
    first = sensors.seat("/dev/a", hello("AS-1"), 1)
    second = sensors.seat("/dev/b", hello("AS-1"), 9)
    assert (first.standing, second.standing) == (Standing.BOUND, Standing.DUPLICATE)
    assert {seated.port for seated in sensors.seated()} == {"/dev/a", "/dev/b"}


def test_the_second_takes_over_when_the_first_goes() -> None:
    sensors = registry()
    sensors.seat("/dev/a", hello("AS-1"), 1)
    sensors.seat("/dev/b", hello("AS-1"), 9)
    gone, next_one = sensors.leave("/dev/a")
    assert gone is not None
    assert next_one is not None
    assert (next_one.port, next_one.epoch, next_one.standing) == ("/dev/b", 9, Standing.BOUND)
    assert sensors.at("/dev/b") == next_one


def test_the_second_may_go_without_harm() -> None:
    sensors = registry()
    sensors.seat("/dev/a", hello("AS-1"), 1)
    sensors.seat("/dev/b", hello("AS-1"), 9)
    gone, next_one = sensors.leave("/dev/b")
    assert gone is not None
    assert next_one is None
    seated = sensors.at("/dev/a")
    assert seated is not None
    assert seated.standing is Standing.BOUND


def test_two_unbound_with_one_serial_are_a_conflict_as_well() -> None:
    sensors = registry()
    sensors.seat("/dev/a", hello("X"), 1)
    assert sensors.seat("/dev/b", hello("X"), 1).standing is Standing.DUPLICATE


def test_a_reboot_at_the_same_port_is_no_duplicate_of_itself() -> None:
    sensors = registry()
    sensors.seat("/dev/a", hello("AS-1"), 1)
    assert sensors.seat("/dev/a", hello("AS-1"), 2).standing is Standing.BOUND


def test_nobody_leaves_an_empty_port() -> None:
    assert registry().leave("/dev/a") == (None, None)
