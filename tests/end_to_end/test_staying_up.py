"""`agw run` as a service: what it tells its manager, and that no thread of it can die or stick unnoticed."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.exit_codes import ExitCode
from tests.end_to_end.test_first_alert import bangs, has_phase, simulated, state
from tests.support.broker import MosquittoBroker, free_port
from tests.support.gateway_process import LOUD_RULE, GatewayProcess, settings_text
from tests.support.ill_gateway import STUCK_HERE
from tests.support.mqtt_witness import Witness
from tests.support.ptys import pty_device
from tests.support.service_manager import ListeningManager

A = "SIM-A"
WATCHDOG_S = 4.0
BANGS_S = (3.0, 10.0, 17.0, 24.0)
"""A slow machine may not be up for the first."""
ILL = "tests.support.ill_gateway"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ListeningManager]:
    with ListeningManager(str(tmp_path / "notify"), WATCHDOG_S) as listening:
        yield listening


@contextmanager
def ill_gateway(folder: Path, how: str, stage: str, manager: ListeningManager) -> Iterator[GatewayProcess]:
    """Running, with a port that is there, one found by a pattern, two brokers that are not there."""
    more = (
        f"{LOUD_RULE}[storage]\nflush_s = 1\n[[port]]\nurl = '{folder}/usb-*'\n"
        f"[backup_broker]\nhost = '127.0.0.1'\nport = {free_port()}\n"
    )
    gateway = GatewayProcess(
        folder,
        settings_text(folder, free_port(), [A], model="none", more=more),
        program=(ILL, how, stage),
        environment=manager.environment,
    )
    with pty_device(folder / A), pty_device(folder / "usb-1"), gateway:
        manager.told.first(lambda line: line == "READY=1", gateway.log)
        yield gateway


def stages(folder: Path) -> list[str]:
    return [
        "pipeline",
        "publisher",
        "paho:primary",
        "paho:backup",
        "telemetry",
        "port-watch",
        f"port:{folder}/{A}",
        f"port:{folder}/usb-1",
    ]


STAGES = range(len(stages(Path())))


def test_a_service_manager_hears_ready_signs_of_life_and_the_goodbye(
    tmp_path: Path, manager: ListeningManager
) -> None:
    with MosquittoBroker() as broker:
        text = settings_text(tmp_path, broker.port, [A], model="none")
        with GatewayProcess(tmp_path, text, environment=manager.environment) as gateway:
            manager.told.first(lambda line: line == "READY=1")
            manager.told.wait_for(lambda told: told.count("WATCHDOG=1") >= 4)
            assert gateway.terminate() == 0
            told = manager.told.wait_for(lambda told: "STOPPING=1" in told)
    assert told.count("READY=1") == 1
    assert told.index("READY=1") < told.index("STOPPING=1")


def test_ready_is_told_when_the_pipeline_runs_and_not_before(
    tmp_path: Path, manager: ListeningManager
) -> None:
    """Here everything else begins, and the pipeline is stuck where its first beat is."""
    gateway = GatewayProcess(
        tmp_path,
        settings_text(tmp_path, free_port(), [], model="none"),
        program=(ILL, "never", "pipeline"),
        environment=manager.environment,
    )
    with gateway:
        assert gateway.wait() == ExitCode.FAILED
    assert "READY=1" not in manager.told.items


@pytest.mark.parametrize("number", STAGES)
def test_a_thread_that_dies_ends_the_process(tmp_path: Path, manager: ListeningManager, number: int) -> None:
    stage = stages(tmp_path)[number]
    with ill_gateway(tmp_path, "die", stage, manager) as gateway:
        gateway.signal(signal.SIGUSR1)
        assert gateway.wait() == ExitCode.FAILED, gateway.log
        assert "ThreadFellIll" in gateway.log
    assert "STOPPING=1" in manager.told.items


@pytest.mark.parametrize("number", STAGES)
def test_a_thread_that_sticks_starves_the_watchdog_and_ends_the_process(
    tmp_path: Path, manager: ListeningManager, number: int
) -> None:
    stage = stages(tmp_path)[number]
    with ill_gateway(tmp_path, "stick", stage, manager) as gateway:
        manager.told.first(lambda line: line == "WATCHDOG=1")
        gateway.signal(signal.SIGUSR1)
        told = manager.told.wait_for(lambda told: any(line.startswith("STATUS=stuck") for line in told))
        assert gateway.wait() == ExitCode.FAILED, gateway.log
        log = gateway.log
    named = next(line for line in told if line.startswith("STATUS=stuck"))
    assert stage in named
    after = manager.told.items[manager.told.items.index(named) :]
    assert "WATCHDOG=1" not in after
    assert STUCK_HERE in log, "the stacks do not show where"


def test_a_second_gateway_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with MosquittoBroker() as broker:
        text = settings_text(tmp_path, broker.port, [], model="none")
        first, second = GatewayProcess(tmp_path, text), GatewayProcess(other, text)
        with Witness(broker.port) as witness, first:
            witness.seen.first(lambda one: state(one, "/gw/status", "online"), "the first is online")
            second.start()
            assert second.wait() == ExitCode.UNAVAILABLE
            assert f"(process {first.pid})" in second.log
            assert "Traceback" not in second.log
            first.kill()
            second.start()
            witness.seen.wait_for(
                lambda seen: sum(state(one, "/gw/status", "online") for one in seen) >= 2, "the second is"
            )
            assert second.terminate() == 0


def test_an_alert_is_raised_while_the_service_manager_is_gone(tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "4000000"}
    with MosquittoBroker() as broker, simulated(tmp_path, bangs(*BANGS_S)), Witness(broker.port) as witness:
        text = settings_text(tmp_path, broker.port, [A], model="none")
        with GatewayProcess(tmp_path, text, environment=environment) as gateway:
            start = json.loads(witness.seen.first(has_phase("start"), "start").payload)
            assert gateway.terminate() == 0
    assert re.fullmatch(r"[0-9a-f]{32}", start["event_id"])
