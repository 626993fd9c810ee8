"""What a site under test is made of, and its settings file. Values and text only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.load import HOLD_S, LOUD_DB

SITE, GATEWAY = "chaos", "gw"
DISK_KB = 6000


@dataclass(frozen=True, slots=True)
class Setup:
    """brokers: one or two; receivers: their names; keeps_state: brokers store sessions and queues.

    disk: what the gateway's data is on: "" (a plain folder), "small" (tmpfs of DISK_KB) or "failing" (a file
    system whose writes can be made to fail). network: "" (loopback, through the gates) or "routed": the
    gateway in a network namespace behind a router. clock: libfaketime can shift it. names: the broker is
    known by a host name. broker_lines: more lines for mosquitto.conf. confirm: as in the gateway's settings.
    """

    sensors: int = 8
    brokers: int = 1
    receivers: tuple[str, ...] = ("desk",)
    keeps_state: bool = True
    protocol: str = "5"
    tls: bool = False
    login: bool = False
    acl: str | None = None
    disk: str = ""
    network: str = ""
    clock: bool = False
    names: bool = False
    broker_lines: tuple[str, ...] = ()
    historical_after_s: float = 30.0
    confirm: str = "receipt"

    @property
    def serials(self) -> tuple[str, ...]:
        return tuple(f"C-{number:02d}" for number in range(1, self.sensors + 1))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one broker is for the gateway."""

    host: str
    port: int


def settings_text(setup: Setup, folder: Path, data: Path, ways: Sequence[Endpoint]) -> str:
    """The gateway's settings: ports appear in `folder`, brokers are at `ways`."""
    names = ", ".join(f'"{name}"' for name in setup.receivers)
    lines = [
        "[gateway]",
        f'site = "{SITE}"',
        f'id = "{GATEWAY}"',
        'status = "Test"',
        f'data_dir = "{data}"',
        *_broker("broker", setup, folder, ways[0]),
        *(_broker("backup_broker", setup, folder, ways[1]) if len(ways) > 1 else ()),
        "[delivery]",
        f'confirm = "{setup.confirm}"',
        f"receivers = [{names if setup.confirm == 'receipt' else ''}]",
        "test_alert_every_h = 0",
        f"historical_after_s = {setup.historical_after_s:g}",
        "[storage]",
        "flush_s = 1",
        "[model]",
        'package = "none"',
        "[decision.loud]",
        "enabled = true",
        f"level_db = {LOUD_DB:g}",
        "for_s = 0.125",
        f"hold_s = {HOLD_S:g}",
    ]
    for serial in setup.serials:
        lines += ["[[port]]", f'url = "{folder}/{serial}"']
        lines += ["[[sensor]]", f'id = "{serial.lower()}"', f'serial = "{serial}"']
    return "\n".join(lines) + "\n"


def _broker(table: str, setup: Setup, folder: Path, way: Endpoint) -> list[str]:
    lines = [f"[{table}]", f'host = "{way.host}"', f"port = {way.port}", "keep_alive_s = 5"]
    lines.append(f'protocol = "{setup.protocol}"')
    if setup.login:
        lines += ['username = "gateway"', f'password_file = "{folder}/gateway.password"']
    if setup.tls:
        lines += [f"[{table}.tls]", f'ca = "{folder}/ca.pem"']
    return lines
