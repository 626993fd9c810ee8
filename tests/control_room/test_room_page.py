"""What the room's page shows is what works: its examples run, its receipt is one."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gateway.contract.encoding import decode
from gateway.contract.types import Receipt
from tests.control_room.gateway_on_brokers import GatewayOnBrokers
from tests.control_room.scripted_gateway import ScriptedGateway
from tests.support.alerts import alert
from tests.support.broker import MosquittoBroker
from tests.support.waiting import DEADLINE_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "control_room" / "README.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


@contextmanager
def running(code: str, broker: MosquittoBroker, folder: Path) -> Iterator[IO[str]]:
    """The example as a program of its own; what it prints."""
    assert "mqtt://localhost" in code
    program = folder / "example.py"
    program.write_text(code.replace("mqtt://localhost", broker.url))
    process = subprocess.Popen(
        [sys.executable, "-u", str(program)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        process.stdout.close()


def first_line(gateway: GatewayOnBrokers, out: IO[str]) -> str:
    """Alerts go out until the example is connected and prints one."""
    for number in range(round(DEADLINE_S / 0.2)):
        gateway.send(alert(number))
        if select.select([out], [], [], 0.2)[0]:
            return out.readline()
    raise AssertionError("it printed nothing")


def test_the_receiving_example_receives_and_is_ten_lines(tmp_path: Path) -> None:
    code = examples("python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    script = ScriptedGateway(receiver="meldkamer")
    with (
        MosquittoBroker() as broker,
        GatewayOnBrokers(broker.port, script=script) as gateway,
        running(code, broker, tmp_path) as out,
    ):
        assert first_line(gateway, out) == "RING started scream Market square 1\n"
        gateway.send_again()
        gateway.wait_received()
    assert (tmp_path / "meldkamer.db").exists()


def test_the_looking_example_looks(tmp_path: Path) -> None:
    code = examples("python")[1] + "\nimport threading\nthreading.Event().wait()\n"
    with (
        MosquittoBroker() as broker,
        GatewayOnBrokers(broker.port) as gateway,
        running(code, broker, tmp_path) as out,
    ):
        assert first_line(gateway, out) == "RING started scream\n"
        assert gateway.said.items == []


def test_the_receipt_of_a_third_party_is_a_receipt() -> None:
    (text,) = examples("json")
    assert isinstance(decode(text.encode(), Receipt), Receipt)
    assert set(json.loads(text)) == {"type", "schema", "site", "gateway", "receiver", "received"}
