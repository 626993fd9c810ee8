"""`agw watch` as a process: its exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_STATUS
from gateway.exit_codes import ExitCode
from tests.support.alerts import TOPICS, alert
from tests.support.broker import MosquittoBroker, free_port
from tests.support.mqtt_witness import Witness
from tests.support.waiting import DEADLINE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker(users={"room": "r", "gw": "g"}) as started:
        yield started


@pytest.fixture
def login(tmp_path: Path) -> list[str]:
    password = tmp_path / "password"
    password.write_text("r\n")
    return ["--username", "room", "--password-file", str(password)]


def watch(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "watch", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def wait_connected(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if "connected, waiting" in line:
            return
    raise AssertionError("it ended before it was connected")


def test_it_ends_after_so_many_alerts(broker: MosquittoBroker, login: list[str]) -> None:
    process = watch("--broker", broker.url, "--count", "2", "--json", *login)
    wait_connected(process)
    with Witness(broker.port, "nothing", username="gw", password="g") as source:
        source.publish(TOPICS.status, encode(GATEWAY_STATUS))
        for revision in (0, 0, 1, 2):
            source.publish(TOPICS.event("scream"), encode(alert(1, revision)))
        code, out, _ = ended(process)
    told = [json.loads(line) for line in out.splitlines()]
    assert code == ExitCode.OK
    assert [one["type"] for one in told][:3] == ["gateway_status", "alert", "alert"]
    assert [one["revision"] for one in told[1:3]] == [0, 1]


def test_it_ends_after_its_time(broker: MosquittoBroker, login: list[str]) -> None:
    assert ended(watch("--broker", broker.url, "--for", "2", *login))[0] == ExitCode.OK


def test_too_few_alerts_in_its_time_is_an_exit_code(broker: MosquittoBroker, login: list[str]) -> None:
    arguments = ["--broker", broker.url, "--for", "2", "--count", "1", *login]
    assert ended(watch(*arguments))[0] == ExitCode.FOUND


def test_a_broker_that_was_never_there_is_an_exit_code_and_a_word() -> None:
    code, out, err = ended(
        watch("--broker", f"mqtt://127.0.0.1:{free_port()}", "--for", "0.3", "--lang", "nl")
    )
    assert code == ExitCode.UNAVAILABLE
    assert out == ""
    assert "geen broker gevonden" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--broker", "http://broker"],
        ["--broker", "mqtt://room:secret@broker"],
        ["--site", "no/such"],
        ["--count", "0"],
        ["--for", "-1"],
        ["--lang", "fr"],
    ],
)
def test_a_wrong_command_line_is_usage(arguments: list[str]) -> None:
    code, _, err = ended(watch(*arguments))
    assert code == ExitCode.USAGE
    assert "secret" not in err


def test_a_password_file_that_is_missing_is_said(broker: MosquittoBroker) -> None:
    code, _, err = ended(watch("--broker", broker.url, "--password-file", "/no/such/file"))
    assert code == ExitCode.UNAVAILABLE
    assert "/no/such/file" in err


def test_ctrl_c_ends_it(broker: MosquittoBroker, login: list[str]) -> None:
    process = watch("--broker", broker.url, *login)
    wait_connected(process)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == ExitCode.INTERRUPTED
    assert "Traceback" not in err


def test_a_reader_that_goes_away_ends_it(broker: MosquittoBroker, login: list[str]) -> None:
    process = watch("--broker", broker.url, *login)
    wait_connected(process)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with Witness(broker.port, "nothing", username="gw", password="g") as source:
        source.publish(TOPICS.event("scream"), encode(alert(5)))
        assert process.wait(DEADLINE_S) == ExitCode.READER_GONE
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
