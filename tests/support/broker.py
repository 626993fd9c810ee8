"""Real brokers for tests: Debian's mosquitto on a free loopback port, and the one that comes with pip.

MosquittoBroker can be stopped, killed and started again on the same port, with its retained messages and
sessions kept or lost, and can ask for a login or forbid topics.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from gateway.embedded_broker import EmbeddedBroker

HOST = "127.0.0.1"
DEADLINE_S = 30.0

__all__ = ["EmbeddedBroker", "MosquittoBroker", "free_port", "mosquitto_program"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def mosquitto_program() -> str:
    """Path of mosquitto; fails the test, saying what to install, where it is missing."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise AssertionError("these tests need a real broker: apt-get install mosquitto")
    return found


class MosquittoBroker:
    """One mosquitto with a folder and a port of its own; `options` are more lines for its configuration."""

    def __init__(
        self,
        *options: str,
        users: dict[str, str] | None = None,
        acl: str | None = None,
        keeps_state: bool = False,
        speaks_tls: bool = False,
    ) -> None:
        """users: names with passwords (None: anybody); acl: an ACL file; keeps_state: over a restart."""
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="mosquitto-")
        self._process: subprocess.Popen[bytes] | None = None
        folder = Path(self._folder.name)
        self._passwords, self._acl = folder / "passwords", folder / "acl"
        lines = [
            f"listener {self.port} {HOST}",
            "user root",
            "persistence " + str(keeps_state).lower(),
            *options,
        ]
        if keeps_state:
            lines += [f"persistence_location {folder}/", "autosave_interval 1", "autosave_on_changes true"]
        if users is None:
            lines.append("allow_anonymous true")
        else:
            self._passwords.touch()
            for name, password in users.items():
                self._write_password(name, password)
            lines += ["allow_anonymous false", f"password_file {self._passwords}"]
        if acl is not None:
            self._acl.write_text(acl)
            lines.append(f"acl_file {self._acl}")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")

        self._scheme = "mqtts" if speaks_tls else "mqtt"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> MosquittoBroker:
        """Start, or start again, and wait until it accepts connections."""
        assert self._process is None
        log = (Path(self._folder.name) / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [mosquitto_program(), "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )
        give_up_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection((HOST, self.port), timeout=1.0).close()
                return self
            except OSError:
                assert time.monotonic() < give_up_s, f"mosquitto does not listen: {self.log()}"
            try:
                status = self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"mosquitto ended with status {status}: {self.log()}")

    def stop(self) -> None:
        """End it politely: it stores its state if it keeps any."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay up, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def add_user(self, name: str, password: str) -> None:
        """Let one more in, without a restart."""
        self._write_password(name, password)
        self._reload()

    def set_acl(self, text: str) -> None:
        """Other rights, without a restart."""
        self._acl.write_text(text)
        self._reload()

    def close(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self.kill()
        self._folder.cleanup()

    def log(self) -> str:
        return (Path(self._folder.name) / "log").read_text(errors="replace")

    def __enter__(self) -> MosquittoBroker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_password(self, name: str, password: str) -> None:
        program = str(Path(mosquitto_program()).with_name("mosquitto_passwd"))
        found = shutil.which("mosquitto_passwd") or program
        subprocess.run([found, "-b", str(self._passwords), name, password], check=True)

    def _reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(how)
        if how == signal.SIGTERM:
            process.send_signal(signal.SIGCONT)
        process.wait(DEADLINE_S)
