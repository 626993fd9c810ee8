"""The broker as a victim: killed at once from any thread, robbed of its state, given another certificate."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.broker import MosquittoBroker
from tests.support.certificates import Files


class ChaosBroker(MosquittoBroker):
    """A mosquitto; hosts: more addresses of this machine that it listens on."""

    def __init__(self, *options: str, hosts: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*options, **settings)
        with self._config.open("a") as config:
            config.writelines(f"listener {self.port} {host}\n" for host in hosts)

    def strike(self) -> None:
        """SIGKILL from any thread; kill() afterwards waits for its end."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)

    @property
    def running(self) -> bool:
        return self._process is not None

    def forget(self) -> None:
        """Sessions, queues and retained messages are gone; only while it is down."""
        assert self._process is None
        (self._state_folder / "mosquitto.db").unlink(missing_ok=True)

    def reload(self) -> None:
        """SIGHUP: rights, passwords and certificates are read again."""
        self._reload()

    @property
    def _state_folder(self) -> Path:
        return Path(self._folder.name)


def tls_lines(files: Files) -> tuple[str, ...]:
    return (f"certfile {files.cert}", f"keyfile {files.key}")
