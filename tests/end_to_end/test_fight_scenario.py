"""The ready-made fight, with its recorded sounds, through two simulated sensors: incidents of both."""

from __future__ import annotations

from collections import defaultdict

from firmware_bridge.simulator.world import SimulatedWorld
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Phase, Priority
from gateway.decisions.rules import loud_rule
from gateway.tools.simulate import load_library, load_scenario
from tests.support.station_rig import StationRig


def test_the_ready_made_fight_is_heard_by_both_and_confirmed() -> None:
    """By level alone, so that it does not depend on which model comes with the release."""
    scenario = load_scenario("fight")
    bound = {script.serial: script.serial.lower() for script in scenario.sensors}
    rig = StationRig(bound, rules={"loud": loud_rule(72.0, 0.125, hold_s=2.0)})
    rig.play(SimulatedWorld(scenario, load_library(), epoch=3))
    rig.station.stop()
    by_incident: dict[str | None, list[Alert]] = defaultdict(list)
    for alert in rig.kept.alerts:
        by_incident[alert.incident_id].append(alert)
    assert 1 <= len(by_incident) <= 2, "four sounds within fifteen seconds of each other"
    for alerts in by_incident.values():
        assert {one.sensors[0].sensor_id for one in alerts} == set(bound.values())
        assert alerts[0].priority is Priority.LOOK
        assert alerts[-1].priority is Priority.GO
    starts = [alert.event_id for alert in rig.kept.alerts if alert.phase is Phase.START]
    ends = [alert.event_id for alert in rig.kept.alerts if alert.phase is Phase.END]
    assert sorted(starts) == sorted(ends)
    assert len(starts) >= 4, "more events than incidents"
