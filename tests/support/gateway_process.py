"""The gateway as it runs in the field: `agw run` in a process of its own, with settings in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.waiting import DEADLINE_S

REPOSITORY = Path(__file__).resolve().parents[2]

LOUD_RULE = "[decision.loud]\nenabled = true\nlevel_db = 90.0\nfor_s = 0.25\nhold_s = 2.0\n"


def settings_text(
    folder: Path,
    broker_port: int,
    serials: Sequence[str],
    *,
    model: str = "default",
    more: str = LOUD_RULE,
    delivery: str = 'confirm = "puback"\ntest_alert_every_h = 0',
) -> str:
    """Settings for simulated sensors whose ports appear in `folder` under their serial numbers."""
    sensors = "\n".join(
        f'[[port]]\nurl = "{folder}/{serial}"\n[[sensor]]\nid = "{serial.lower()}"\nserial = "{serial}"\n'
        for serial in serials
    )
    return (
        f'[gateway]\nsite = "site"\nid = "gw"\nstatus = "Test"\ndata_dir = "{folder}/data"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker_port}\nkeep_alive_s = 5\n'
        f"[delivery]\n{delivery}\n"
        f'[model]\npackage = "{model}"\n{more}{sensors}'
    )


class GatewayProcess:
    """start() it, end it politely or not; its log is kept for failures."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        program: Sequence[str] = ("gateway",),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """program: module that takes `run` and its options, after arguments of its own."""
        self._program = tuple(program)
        self._environment = {**os.environ, **(environment or {})}
        self.settings = folder / "gateway.toml"
        self.settings.write_text(text)
        self._log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> GatewayProcess:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._program, "run", "--settings", str(self.settings)],
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Until it ends by itself; the exit code."""
        assert self._process is not None
        code = self._process.wait(deadline_s)
        self._process = None
        return code

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL, as a power cut for the process."""
        return self._end(signal.SIGKILL)

    def __enter__(self) -> GatewayProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(DEADLINE_S)
        self._process = None
        return code
