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

from control_room.ledger import Ledger
from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_STATUS
from gateway.contract.vocabulary import Lane, Phase, Status
from gateway.exit_codes import ExitCode
from tests.control_room.gateway_on_brokers import GatewayOnBrokers
from tests.control_room.scripted_gateway import ScriptedGateway
from tests.support.alerts import TOPICS, alert, story
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


def wait_connected(process: subprocess.Popen[str], words: str = "connected, waiting") -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError("it ended before it was connected")


def test_it_ends_after_so_many_alerts(broker: MosquittoBroker, login: list[str]) -> None:
    process = watch("--broker", broker.url, "--count", "2", "--json", *login)
    wait_connected(process)
    with Witness(broker.port, "nothing", username="gw", password="g") as source:
        source.publish(TOPICS.status, encode(GATEWAY_STATUS))
        for revision in (0, 0, 1, 2):
            source.publish(TOPICS.event("scream"), encode(alert(1, revision)))
        code, out, err = ended(process)
    told = [json.loads(line) for line in out.splitlines()]
    assert code == ExitCode.OK, err
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
        ["--protocol", "4"],
        ["--receive-as", "room"],
        ["--store", "room.db"],
        ["--receive-as", "no/such", "--store", "room.db"],
        ["--backup-broker", "http://broker"],
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


# Receiving.


def test_it_confirms_nothing_unless_told_to(broker: MosquittoBroker, login: list[str]) -> None:
    with GatewayOnBrokers(broker.port, username="gw", password="g") as gateway:
        process = watch("--broker", broker.url, "--count", "1", "--json", *login)
        wait_connected(process)
        gateway.beat()
        gateway.wait_requests(1)  # it asks what is open, and that is all
        gateway.send(alert(11))
        assert ended(process)[0] == ExitCode.OK
        assert gateway.script.received == set()
        assert gateway.script.beats_answered == []


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_as_a_receiver_it_prints_each_revision_once_also_over_restarts(
    broker: MosquittoBroker, login: list[str], tmp_path: Path, protocol: str
) -> None:
    arguments = ["--broker", broker.url, "--json", "--protocol", protocol, *login]
    arguments += ["--receive-as", "room", "--store", str(tmp_path / "room.db")]
    script = ScriptedGateway(gateway=f"gw-{protocol[0]}")
    with GatewayOnBrokers(broker.port, script=script, username="gw", password="g") as gateway:
        told: list[int] = []
        for first in (0, 2):
            process = watch(*arguments, "--count", "2")
            wait_connected(process)
            for row in script.rows:
                gateway.post(script.event(row))  # as if no receipt had come
            gateway.send(story(first), story(first + 1))
            code, out, err = ended(process)
            assert code == ExitCode.OK, err
            told += [json.loads(line)["revision"] for line in out.splitlines()]
        assert told == [0, 1, 2, 3]
        gateway.wait_received()


def test_two_brokers_one_line_each(tmp_path: Path) -> None:
    with (
        MosquittoBroker() as one,
        MosquittoBroker() as other,
        GatewayOnBrokers(one.port, other.port) as gateway,
    ):
        arguments = ["--broker", one.url, "--backup-broker", other.url, "--count", "3", "--lang", "nl"]
        process = watch(*arguments, "--receive-as", "room", "--store", str(tmp_path / "room.db"))
        assert process.stderr is not None
        connected = (line for line in process.stderr if "wacht op alarmen" in line)
        assert {next(connected).split(":")[2] for _ in range(2)} == {str(one.port), str(other.port)}
        gateway.send(story(0), story(1), story(2), legs=(0, 1))
        code, out, _ = ended(process)
        assert code == ExitCode.OK
        assert [line.split()[-1] for line in out.splitlines()[2:]] == ["cam-12"] * 3
        gateway.wait_received()


def test_missing_alerts_silence_and_tests_have_lines(tmp_path: Path) -> None:
    with MosquittoBroker() as broker, GatewayOnBrokers(broker.port) as gateway:
        arguments = ["--broker", broker.url, "--count", "2", "--lang", "nl"]
        process = watch(*arguments, "--receive-as", "room", "--store", str(tmp_path / "room.db"))
        wait_connected(process, "wacht op alarmen")
        gateway.beat(interval_s=0.5)
        gateway.send(alert(1, status=Status.TEST, event_class="test"))
        gateway.script.gone = {(Lane.LIVE, 2)}
        gateway.add(alert(2, 1, Phase.END))
        gateway.send(alert(3, historical=True, age_s=600.0))
        assert process.stdout is not None
        lines = process.stdout
        assert any("STIL sinds" in line for line in lines)
        wait_connected(process, "wacht op alarmen")  # again: it makes sure that it was not the line
        gateway.beat(interval_s=5.0)
        assert any("ALARMEN KWIJT: 1 (actueel), niet meer te krijgen" in line for line in lines)
        gateway.send(alert(4))
        assert any("#0000" in line for line in lines)
        assert ended(process)[0] == ExitCode.OK


def test_a_store_that_cannot_be_used_is_said(
    broker: MosquittoBroker, login: list[str], tmp_path: Path
) -> None:
    missing = tmp_path / "missing" / "room.db"
    code, _, err = ended(
        watch("--broker", broker.url, "--receive-as", "room", "--store", str(missing), *login)
    )
    assert code == ExitCode.UNAVAILABLE
    assert str(missing) in err
    assert "Make its folder" in err
    used = tmp_path / "room.db"
    with Ledger.open(used):
        code, _, err = ended(
            watch("--broker", broker.url, "--receive-as", "room", "--store", str(used), *login)
        )
    assert code == ExitCode.UNAVAILABLE
    assert "another receiver uses this store" in err


def test_a_damaged_store_is_set_aside_and_said(
    broker: MosquittoBroker, login: list[str], tmp_path: Path
) -> None:
    store = tmp_path / "room.db"
    store.write_bytes(b"rubbish" * 1000)
    arguments = ["--receive-as", "room", "--store", str(store), "--for", "1", *login]
    code, _, err = ended(watch("--broker", broker.url, *arguments))
    assert code == ExitCode.OK
    assert "room.damaged-1.db: the store was damaged" in err
    assert store.exists()
