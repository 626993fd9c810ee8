"""`agw check`: each fault by its own name with a next step, and nothing said that is not so."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import checkup
from gateway.checkup_words import FINDINGS, STATES, SUBJECTS
from gateway.cli import main
from gateway.clock import ClockQuality, HostClock
from gateway.exit_codes import ExitCode
from gateway.resources import config_root
from gateway.settings.load import LoadedSettings, load_settings, parse_settings
from gateway.supervision.data_lock import DataLock
from tests.support.broker import HOST, MosquittoBroker, free_port
from tests.support.ptys import pty_device

HEAD = "[gateway]\nsite='s'\nid='g'\nlanguage='en'\ndata_dir='data'\n[delivery]\nconfirm='puback'\n"


def loaded(folder: Path, text: str = "") -> LoadedSettings:
    return parse_settings(HEAD + text, folder / "gw.toml")


def lines(findings: Iterator[checkup.Finding]) -> list[str]:
    return [" ".join(finding.line("en").split()) for finding in findings]


@contextmanager
def powerless() -> Iterator[None]:
    """As a user who may do nothing here, if the tests run as root."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    running = MosquittoBroker(users={"gw": "right"}).start()
    yield running
    running.close()


class TestWhole:
    def test_an_installation_that_is_fit(
        self, tmp_path: Path, broker: MosquittoBroker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pty_device(tmp_path / "usb-1"):
            path = tmp_path / "gw.toml"
            path.write_text(
                HEAD + f"[broker]\nhost='{HOST}'\nport={broker.port}\nusername='gw'\npassword='right'\n"
                f"[[port]]\nurl='{tmp_path}/usb-*'\n[[sensor]]\nid='n'\nserial='1'\n[model]\npackage='none'\n",
                encoding="utf-8",
            )
            path.chmod(0o600)
            assert main(["check", "--settings", str(path)]) == ExitCode.OK
        out = capsys.readouterr().out.splitlines()
        states = {line.split()[1]: line.split()[0] for line in out}
        assert set(states.values()) <= {"ok", "warn"}
        assert {subject: states[subject] for subject in ("settings", "data", "model", "port", "broker")} == (
            dict.fromkeys(("settings", "data", "model", "port", "broker"), "ok")
        )
        assert "n is uncalibrated" in out[-1]
        assert not (tmp_path / "data").exists()

    def test_what_fails_makes_the_exit_code(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "gw.toml"
        path.write_text(HEAD + f"[broker]\nhost='{HOST}'\nport={free_port()}\n", encoding="utf-8")
        assert main(["check", "--settings", str(path), "--lang", "nl"]) == ExitCode.FOUND
        out = capsys.readouterr().out
        assert "de broker is onbereikbaar" in out
        assert "de instellingen noemen geen poort" in out

    def test_broken_settings_are_all_there_is_to_say(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "gw.toml"
        path.write_text("[gatway]\n", encoding="utf-8")
        assert main(["check", "--settings", str(path)]) == ExitCode.FOUND
        out = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in out] == [["fail", "settings"]] * 2


class TestSettings:
    def test_password_that_everybody_can_read(self, tmp_path: Path) -> None:
        (tmp_path / "pw").write_text("x", encoding="utf-8")
        broker = "[broker]\nusername='u'\npassword_file='pw'\n"
        settings = loaded(tmp_path, broker + "[[sensor]]\nid='n'\nserial='1'\n")
        (tmp_path / "pw").chmod(0o644)
        assert "chmod 600" in lines(checkup.settings(settings))[-1]
        (tmp_path / "pw").chmod(0o640)
        assert len(lines(checkup.settings(settings))) == 1


class TestDataDir:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """One that a user without rights can look into, unlike pytest's own."""
        made = Path(tempfile.mkdtemp())
        made.chmod(0o555)
        yield made
        made.chmod(0o755)
        shutil.rmtree(made)

    def test_writable(self, tmp_path: Path) -> None:
        assert lines(checkup.data_dir(tmp_path))[0] == f"ok data folder {tmp_path} can be written"
        assert list(tmp_path.iterdir()) == []

    def test_to_be_made(self, tmp_path: Path) -> None:
        assert "will be made" in lines(checkup.data_dir(tmp_path / "a" / "b"))[0]

    @pytest.mark.parametrize("name", ["", "new/deep"])
    def test_no_rights(self, folder: Path, name: str) -> None:
        with powerless():
            (first, *_) = lines(checkup.data_dir(folder / name))
        assert first.startswith("fail data folder ")
        assert "(Permission denied). Make it" in first

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("", encoding="utf-8")
        assert "(Not a directory)" in lines(checkup.data_dir(tmp_path / "data"))[0]

    @pytest.mark.parametrize(("free_mb", "state"), [(49, "fail"), (51, "warn"), (499, "warn"), (501, "ok")])
    def test_disk_space(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, state: str
    ) -> None:
        usage = namedtuple("usage", "free")(free_mb * 1_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
        assert lines(checkup.data_dir(tmp_path))[1].startswith(f"{state} disk")


class TestClock:
    @pytest.mark.parametrize(
        ("now", "quality", "expected"),
        [
            ("2026-05-01", ClockQuality("synced", 3.2), "ok clock synchronised, at most 3 ms"),
            ("2026-05-01", ClockQuality("unsynced", None), "warn clock not synchronised"),
            ("1970-01-01", ClockQuality("unsynced", None), "fail clock stands at 1970-01-01"),
        ],
    )
    def test_state(self, now: str, quality: ClockQuality, expected: str) -> None:
        class StoppedClock(HostClock):
            def utc(self) -> datetime:
                return datetime.fromisoformat(now).replace(tzinfo=UTC)

            def quality(self) -> ClockQuality:
                return quality

        assert lines(checkup.clock_state(StoppedClock()))[0].startswith(expected)


class TestModel:
    def test_the_supplied_one_loads(self, tmp_path: Path) -> None:
        (line,) = lines(checkup.model(loaded(tmp_path)))
        assert line.startswith("ok model "), line

    def test_none_by_choice(self, tmp_path: Path) -> None:
        (line,) = lines(checkup.model(loaded(tmp_path, "[model]\npackage='none'\n")))
        assert line.startswith("ok model none by choice")

    def test_missing_or_damaged(self, tmp_path: Path) -> None:
        (line,) = lines(checkup.model(loaded(tmp_path, "[model]\npackage='absent'\n")))
        assert line.startswith("fail model ")
        assert "model.toml is missing" in line
        supplied = next((config_root() / "models").glob("*/model.toml")).parent
        shutil.copytree(supplied, tmp_path / "copy")
        tflite = next((tmp_path / "copy").glob("*.tflite"))
        tflite.write_bytes(tflite.read_bytes()[:-1] + b"?")
        (line,) = lines(checkup.model(loaded(tmp_path, "[model]\npackage='copy'\n")))
        assert "sha256" in line


class TestPorts:
    def port(self, folder: Path, url: str) -> list[str]:
        return lines(checkup.ports(loaded(folder, f"[[port]]\nurl='{url}'\n").values.port, "en"))

    def test_every_match_of_a_pattern(self, tmp_path: Path) -> None:
        with pty_device(tmp_path / "usb-1"), pty_device(tmp_path / "usb-2"):
            assert self.port(tmp_path, f"{tmp_path}/usb-*") == [
                f"ok port {tmp_path}/usb-1 opens",
                f"ok port {tmp_path}/usb-2 opens",
            ]

    @pytest.mark.parametrize("name", ["usb-1", "usb-*"])
    def test_absent(self, tmp_path: Path, name: str) -> None:
        (line,) = self.port(tmp_path, f"{tmp_path}/{name}")
        assert line.startswith(f"fail port {tmp_path}/{name}: nothing is connected under this name. Check")

    def test_denied(self) -> None:
        with tempfile.TemporaryDirectory() as made:
            Path(made).chmod(0o755)
            with pty_device(Path(made) / "usb-1") as device:
                os.chmod(device.node, 0)
                with powerless():
                    (line,) = self.port(Path(made), f"{made}/usb-1")
        assert line.startswith("fail port")
        assert "no permission to open the port" in line

    def test_busy_is_what_a_running_gateway_looks_like(self, tmp_path: Path) -> None:
        with pty_device(tmp_path / "usb-1") as device:
            holder = os.open(device.node, os.O_RDWR | os.O_NOCTTY)
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (line,) = self.port(tmp_path, f"{tmp_path}/usb-1")
            os.close(holder)
        assert line.startswith("warn port")
        assert "another program holds it" in line


class TestGateway:
    def test_one_that_runs_is_said_and_not_disturbed(self, tmp_path: Path) -> None:
        lock = DataLock.take(tmp_path)
        (line,) = lines(checkup.running(tmp_path))
        assert line == f"ok gateway runs on this data folder (process {os.getpid()})"
        lock.release()
        assert lines(checkup.running(tmp_path)) == []
        assert lines(checkup.running(tmp_path / "not-made-yet")) == []

    def test_many_looks_stop_no_gateway_that_starts(self, tmp_path: Path) -> None:
        DataLock.take(tmp_path).release()
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                lines(checkup.running(tmp_path))

        looks = [threading.Thread(target=look) for _ in range(2)]
        for one in looks:
            one.start()
        for _ in range(20):
            DataLock.take(tmp_path, patience_s=30.0).release()
        done.set()
        for one in looks:
            one.join()


class TestDelivery:
    def test_whose_word_counts(self, tmp_path: Path) -> None:
        assert checkup.delivery(loaded(tmp_path)).line("en").startswith("warn   delivery")
        path = tmp_path / "named.toml"
        path.write_text("[gateway]\nsite='s'\nid='g'\n[delivery]\nreceivers=['desk', 'patrol']\n")
        line = checkup.delivery(load_settings(path)).line("nl")
        assert line.split(maxsplit=2)[2] == "een alarm is afgeleverd als deze het hebben: desk, patrol"

    def test_both_brokers_are_tried(self, tmp_path: Path) -> None:
        ports = free_port(), free_port()
        path = tmp_path / "two.toml"
        path.write_text(
            "[gateway]\nsite='s'\nid='g'\ndata_dir='data'\n[delivery]\nreceivers=['desk']\n"
            f"[broker]\nhost='{HOST}'\nport={ports[0]}\n[backup_broker]\nhost='{HOST}'\nport={ports[1]}\n"
        )
        told = "\n".join(lines(checkup.check_up(load_settings(path), "en", HostClock())))
        assert all(f"{HOST}:{port}" in told for port in ports)


class TestBroker:
    def broker(self, folder: Path, text: str) -> list[str]:
        return lines(checkup.broker(loaded(folder, f"[broker]\nhost='{HOST}'\n{text}"), "en"))

    def test_lets_in(self, tmp_path: Path, broker: MosquittoBroker) -> None:
        text = f"port={broker.port}\nusername='gw'\npassword='right'\n"
        assert self.broker(tmp_path, text) == [f"ok broker mqtt://{HOST}:{broker.port} lets us in"]

    def test_wrong_password(self, tmp_path: Path, broker: MosquittoBroker) -> None:
        (line,) = self.broker(tmp_path, f"port={broker.port}\nusername='gw'\npassword='wrong'\n")
        assert "does not let us in: check user name, password" in line
        assert "wrong" not in line.replace("password", "")

    def test_nobody_there(self, tmp_path: Path) -> None:
        (line,) = self.broker(tmp_path, f"port={free_port()}\n")
        assert line.startswith("fail broker")
        assert "cannot be reached: check address, port and network" in line

    def test_password_file_missing(self, tmp_path: Path) -> None:
        (line,) = self.broker(tmp_path, "username='u'\npassword_file='absent'\n")
        assert line.startswith("fail broker")
        assert "password cannot be read" in line

    def test_certificate_file_missing(self, tmp_path: Path, broker: MosquittoBroker) -> None:
        (line,) = self.broker(tmp_path, f"port={broker.port}\ntls.ca='absent.pem'\n")
        assert line.startswith("fail broker")
        assert "check the TLS certificates" in line

    def test_the_running_gateway_keeps_its_session(self, tmp_path: Path, broker: MosquittoBroker) -> None:
        self.broker(tmp_path, f"port={broker.port}\nusername='gw'\npassword='right'\n")
        assert "agw-s-g-check" in broker.log()
        assert "agw-s-g " not in broker.log()


def test_calibration_records_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "calibrations.jsonl").write_text("{", encoding="utf-8")
    found = lines(checkup.calibrations(loaded(tmp_path), HostClock()))
    assert len(found) == 1
    assert found[0].startswith("warn calibration line 1 of ")


def test_every_text_is_in_both_languages() -> None:
    for phrase in (*FINDINGS.values(), *STATES.values(), *SUBJECTS.values()):
        assert set(phrase) == {"nl", "en"}
