"""From the settings' words for a place to the contract's."""

from __future__ import annotations

from gateway.contract.types import Camera, Place, Point
from gateway.sensors import BoundSensor
from gateway.settings.schema import PlaceSettings, SensorSettings


def bound_sensors(sensors: tuple[SensorSettings, ...]) -> dict[str, BoundSensor]:
    """The places that the settings bind, by sensor_id."""
    return {
        sensor.id: BoundSensor(
            sensor.id,
            sensor.serial,
            sensor.enabled,
            place_of(sensor.place),
            sensor.known_sounds,
            sensor.ignore_vetoes,
        )
        for sensor in sensors
    }


def place_of(settings: PlaceSettings) -> Place:
    """A point only where both coordinates are given (GeoJSON: longitude first)."""
    point = None
    if settings.lat_deg is not None and settings.lon_deg is not None:
        point = Point(coordinates=(settings.lon_deg, settings.lat_deg))
    return Place(
        point=point,
        zone=settings.zone,
        address=settings.address,
        cameras=tuple(Camera(camera_id=camera) for camera in settings.cameras),
    )
