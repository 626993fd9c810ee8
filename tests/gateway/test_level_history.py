"""Levels over some minutes."""

from __future__ import annotations

import pytest

from gateway.level_history import LevelHistory


def test_levels_are_averaged_by_energy_and_each_period_begins_anew() -> None:
    history = LevelHistory()
    history.add("north", 10.0, 60.0, 70.0, None, calibrated=False)
    history.add("north", 10.0, 70.0, 81.26, 55.04, calibrated=True)
    history.add("south", 1.0, 50.0, 51.0, 49.0, calibrated=True)
    north, south = history.take()
    assert north.laeq_db == pytest.approx(67.4)  # 10 lg((10^6 + 10^7) / 2)
    assert (north.sensor_id, north.lafmax_db, north.ambient_db, north.calibrated) == (
        "north",
        81.3,
        55.0,
        True,
    )
    assert (south.sensor_id, south.laeq_db) == ("south", 50.0)
    assert history.take() == ()


def test_a_longer_reading_weighs_more() -> None:
    history = LevelHistory()
    history.add("north", 30.0, 60.0, 60.0, None, calibrated=True)
    history.add("north", 10.0, 80.0, 80.0, None, calibrated=True)
    assert history.take()[0].laeq_db == pytest.approx(74.1)
