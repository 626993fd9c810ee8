"""The service unit: systemd understands it, it gives away little, and the gateway works within its limits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings.load import DEFAULT_SETTINGS_PATH
from gateway.supervision.overseer import GIVE_UP_S
from gateway.supervision.progress import USUAL_S
from tests.end_to_end.test_first_alert import bangs, has_phase, simulated
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import REPOSITORY, GatewayProcess, settings_text
from tests.support.mqtt_witness import Witness
from tests.support.sandboxed import allowed_calls, values_of

UNIT = REPOSITORY / "deploy" / "aggression-gateway.service"
MOST_EXPOSED = 17
"""Tenths. What is left is what it is for: the network, the service manager's socket, serial devices, how good
the clock is, the id of the boot; and the machine's own root folder."""
A = "SIM-A"
BANGS_S = (3.0, 10.0, 17.0, 24.0)
"""A slow machine may not be up for the first."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program is not None, "these tests need systemd's checker: apt-get install systemd"
    return subprocess.run([program, "--no-pager", *arguments], capture_output=True, text=True, check=False)


def value(key: str) -> str:
    (only,) = values_of(UNIT, key)
    return only


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """As it is installed, but for the program's path, which is not on this machine."""
    program = value("ExecStart").split()[0]
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text(encoding="utf-8").replace(program, sys.executable), encoding="utf-8")
    done = analyze("verify", str(installed))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_misspelt_line_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchDogSecs=")
    wrong.write_text(text.replace(value("ExecStart").split()[0], sys.executable), encoding="utf-8")
    done = analyze("verify", str(wrong))
    assert "WatchDogSecs" in done.stdout + done.stderr


def test_it_is_exposed_to_little() -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNIT))
    assert done.returncode == 0, done.stdout


def test_it_may_touch_nothing_but_its_own() -> None:
    done = analyze("security", "--offline=true", "--json=short", str(UNIT))
    left = {
        one["json_field"] for one in json.loads(done.stdout) if one.get("exposure") not in (None, "0.0", "")
    }
    assert left <= {
        "PrivateNetwork", "RestrictAddressFamilies_AF_INET_INET6", "RestrictAddressFamilies_AF_UNIX",
        "IPAddressDeny", "PrivateDevices", "DeviceAllow", "SupplementaryGroups", "ProtectClock",
        "SystemCallFilter_clock", "SystemCallFilter_privileged", "ProcSubset", "RootDirectoryOrRootImage",
    }, left  # fmt: skip


def test_the_watchdog_fits_what_feeds_it() -> None:
    assert value("Type") == "notify"
    assert value("Restart") == "always"
    assert value("StartLimitIntervalSec") == "0"
    # A deadlock lasts a broken promise and one watchdog, 15 s; without systemd it is the same.
    assert float(value("WatchdogSec")) + USUAL_S <= 15.0
    assert GIVE_UP_S + USUAL_S <= 15.0


def test_paths_are_those_of_the_settings() -> None:
    example = (REPOSITORY / "config" / "gateway.example.toml").read_text(encoding="utf-8")
    assert f'data_dir = "/var/lib/{value("StateDirectory")}"' in example
    assert DEFAULT_SETTINGS_PATH.parent == Path("/etc") / value("ConfigurationDirectory")


def test_the_clock_may_be_asked_and_not_set() -> None:
    calls = allowed_calls(UNIT)
    assert {"adjtimex", "clock_adjtime"} <= calls
    assert not {"clock_settime", "settimeofday", "stime"} & calls
    assert value("CapabilityBoundingSet") == ""


def sandboxed(code: str) -> subprocess.CompletedProcess[str]:
    enter = (
        f"from pathlib import Path; from tests.support.sandboxed import enter; enter(Path({str(UNIT)!r}))\n"
    )
    command = [sys.executable, "-c", enter + code]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os.chown('/tmp', -1, -1)", "PermissionError"),
        ("import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)", "PermissionError"),
        ("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "Address family not supported"),
        ("import time; time.clock_settime(time.CLOCK_REALTIME, time.time())", "PermissionError"),
    ],
)
def test_the_limits_of_these_tests_are_real(code: str, error: str) -> None:
    done = sandboxed(code)
    assert done.returncode != 0
    assert error in done.stderr


def test_within_its_limits_the_clock_can_be_asked() -> None:
    done = sandboxed("from gateway.clock import HostClock; print(HostClock().kernel())")
    assert "KernelClock(" in done.stdout, done.stderr


def test_within_its_limits_an_alert_is_raised_and_cleared_with_the_model(tmp_path: Path) -> None:
    with MosquittoBroker() as broker, simulated(tmp_path, bangs(*BANGS_S)), Witness(broker.port) as witness:
        text = settings_text(tmp_path, broker.port, [A])
        program = ("tests.support.sandboxed", str(UNIT))
        with GatewayProcess(tmp_path, text, program=program) as gateway:
            start = json.loads(witness.seen.first(has_phase("start"), "start").payload)
            witness.seen.first(has_phase("end", end_reason="cleared"), "end")
            assert gateway.terminate() == 0
            log = gateway.log
    assert start["mode"] == "full"
    assert "not permitted" not in log
