"""What the settings say of a place reaches the station."""

from __future__ import annotations

from gateway.places import bound_sensors
from gateway.settings.schema import PlaceSettings, SensorSettings


def test_known_sounds_and_ignored_vetoes_belong_to_their_place() -> None:
    bell = SensorSettings(
        id="tower",
        serial="S-1",
        known_sounds=("bell_phone",),
        ignore_vetoes=("wind",),
        place=PlaceSettings(lat_deg=52.0, lon_deg=4.9),
    )
    plain = SensorSettings(id="square", serial="S-2")
    found = bound_sensors((bell, plain))
    assert (found["tower"].known_sounds, found["tower"].ignored_vetoes) == (("bell_phone",), ("wind",))
    assert (found["square"].known_sounds, found["square"].ignored_vetoes) == ((), ())
    assert found["tower"].place.point is not None
    assert found["tower"].place.point.coordinates == (4.9, 52.0)
