"""A broker that comes with pip alone, for the demo and quick tests: rumqttd, compiled into package iotcore.

The only file of this room that knows iotcore. The broker runs in a child process (`python -m
gateway.embedded_broker FILE`), listens on loopback without login, keeps everything in memory and ends with
its parent, however that ends. Not for the field.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from gateway.errors import GatewayError

HOST = "127.0.0.1"
ATTEMPTS = 3  # the free port that was found may be taken before the broker has it

# 3 segments of 10 MB per topic filter bound its memory; its own default for a payload, 20 kB, is too tight.
_CONFIG = """
id = 0

[router]
id = 0
max_connections = 200
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 3

[v5.1]
name = "mqtt5"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 262144
max_inflight_count = 100
dynamic_filters = true
"""


class EmbeddedBroker:
    """start() it, use `url`, stop() it; or use it in a with statement."""

    def __init__(self, port: int | None = None) -> None:
        """port: the loopback port to listen on, None for a free one."""
        self._wanted_port = port
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The child process, None when it does not run."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self, deadline_s: float = 15.0) -> None:
        """Start and wait until it accepts connections. Raises GatewayError."""
        if importlib.util.find_spec("iotcore") is None:
            raise GatewayError(
                "the embedded broker needs the package iotcore, which is not installed",
                hint="pip install 'aggression-gateway[demo]', or name a running broker",
            )
        give_up_s = time.monotonic() + deadline_s
        said = ""
        for _ in range(ATTEMPTS):
            self.port = self._wanted_port if self._wanted_port is not None else _free_port()
            said = self._launch(give_up_s)
            if not said:
                return
            self.stop()
        raise GatewayError(f"the embedded broker did not start ({said})", where=f"{HOST}:{self.port}")

    def stop(self, deadline_s: float = 5.0) -> None:
        """End it and free its port. Harmless when it does not run."""
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin is not None
            child.stdin.close()  # the child ends when this pipe does
            try:
                child.wait(deadline_s)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, give_up_s: float) -> str:
        """Start the child and wait for its port; what went wrong, "" when nothing did."""
        if _accepts(self.port):
            return "another program listens there"
        self._folder = tempfile.TemporaryDirectory(prefix="agw-broker-")
        config = Path(self._folder.name) / "broker.toml"
        config.write_text(_CONFIG.format(host=HOST, port=self.port), encoding="utf-8")
        errors = Path(self._folder.name) / "errors.txt"
        with errors.open("wb") as error_file:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway.embedded_broker", str(config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=error_file,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                start_new_session=True,  # Ctrl-C is for the parent, which may still have alerts to send
            )
        while time.monotonic() < give_up_s:
            try:
                status = self._child.wait(0.02)
            except subprocess.TimeoutExpired:
                if _accepts(self.port):
                    return ""
            else:
                last = errors.read_text(errors="replace").strip().splitlines()[-1:]
                return f"it ended with status {status}: {' '.join(last)}"
        return "it accepts no connection in time"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # returns when the parent closes its end or is gone
    os._exit(0)


def _serve(config: str) -> None:
    from iotcore import IotCoreBroker  # the package is an extra

    threading.Thread(target=_end_with_parent, daemon=True).start()
    IotCoreBroker(config_path=config).run_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
