"""Parts that benchmarks of the delivery share: certificates for both sides, the receiver as a process."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client

from tests.support.broker import HOST, MosquittoBroker
from tests.support.certificates import Authority, Files
from tests.support.gateway_process import REPOSITORY

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Certificates:
    """Broker and clients show one each, and each asks for the other's."""

    ca: Path
    own: Files
    client: Files

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        authority = Authority(folder, "ca")
        return cls(authority.ca, authority.issue(HOST), authority.issue("client", seed=3))

    def broker_of(self, *options: str) -> MosquittoBroker:
        """A broker, not started yet; options: more lines of its configuration."""
        return MosquittoBroker(
            *options,
            f"cafile {self.ca}",
            f"certfile {self.own.cert}",
            f"keyfile {self.own.key}",
            "require_certificate true",
            speaks_tls=True,
        )

    def settings(self, table: str = "broker") -> str:
        files = f'ca = "{self.ca}"\ncert = "{self.client.cert}"\nkey = "{self.client.key}"'
        return f"[{table}.tls]\n{files}\n"

    def options(self) -> list[str]:
        """Those of `agw watch`."""
        return [
            "--ca", str(self.ca), "--cert", str(self.client.cert), "--key", str(self.client.key)
        ]  # fmt: skip

    def give(self, client: Client) -> None:
        client.tls_set(str(self.ca), str(self.client.cert), str(self.client.key), cert_reqs=ssl.CERT_REQUIRED)


class ReceiverProcess:
    """`agw watch --receive-as NAME --json`; on_line(monotonic, line) on a thread of its own."""

    def __init__(
        self,
        folder: Path,
        name: str,
        urls: Sequence[str],
        on_line: Callable[[float, Line], None],
        *,
        options: Sequence[str] = (),
    ) -> None:
        """urls: of one broker, or of two; options: more of `agw watch`."""
        brokers = [word for pair in zip(("--broker", "--backup-broker"), urls, strict=False) for word in pair]
        store = folder / f"{name}.db"
        self._log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "gateway", "watch", *brokers, "--json", *options]
        self._command += ["--receive-as", name, "--store", str(store)]
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def start(self) -> ReceiverProcess:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._thread = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._thread.start()
        return self

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        process.wait(30.0)
        assert self._thread is not None
        self._thread.join(30.0)

    def __enter__(self) -> ReceiverProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for text in process.stdout:
            now_s = time.monotonic()
            try:
                line = json.loads(text)
            except ValueError:
                continue  # cut by a kill
            self._on_line(now_s, line)
