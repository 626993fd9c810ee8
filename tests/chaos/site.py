"""A whole site under test: sensors on ptys, gateway, gates, brokers, receivers, and the witness beside them.

Everything runs in a folder of its own and nothing but what was started here is ever touched. The sensors are
in this process, so that they outlive gateways.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from firmware_bridge.simulator.pty_port import PtyPorts
from tests.chaos.accounts import Key, UpTime
from tests.chaos.broker import ChaosBroker, tls_lines
from tests.chaos.clocks import ShiftedClock
from tests.chaos.disks import FailingDisk, SmallDisk
from tests.chaos.gate import Gate, Pump
from tests.chaos.health import FaultWatch
from tests.chaos.load import Load
from tests.chaos.network import RoutedNetwork
from tests.chaos.observer import Observer
from tests.chaos.paths import Window, both, either, without
from tests.chaos.setup import Endpoint, Setup, settings_text
from tests.chaos.victim import Victim, python
from tests.support.broker import HOST
from tests.support.certificates import Authority

GATEWAY = "gateway"
HOST_NAME = "broker.chaos.test"
SETTLE_S = 120.0
PASSWORDS = {"gateway": "gateway-secret", "receiver": "receiver-secret"}


class Site:
    """start() it; `hurt` and the victims are for cells; settle() waits until everything has arrived."""

    def __init__(self, setup: Setup, seed: int, *, number: int = 0) -> None:
        """number: keeps sites that stand beside each other apart (namespaces)."""
        self.setup = setup
        self.patience_s = SETTLE_S
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.data = self.folder / "data"
        self._undo = ExitStack()
        self._undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.pump = Pump()
        self._undo.callback(self.pump.close)
        self.disk: SmallDisk | FailingDisk | None = None
        self.network = RoutedNetwork(number) if setup.network == "routed" else None
        if self.network is not None:
            self._undo.callback(self.network.close)
        self.clock = ShiftedClock(self.folder) if setup.clock else None
        self.faults = FaultWatch()
        self.prefix: Sequence[str] = ()
        self._make_disk()
        self.authority = Authority(self.folder, "ca") if setup.tls else None
        if self.authority is not None:
            self._certificate = self.authority.issue(HOST)
        self.brokers = [self._make_broker() for _ in range(setup.brokers)]
        self.gates: dict[tuple[str, int], Gate] = {}
        self.gateway = Victim(
            GATEWAY, self._gateway_command, self.folder, environment=self._gateway_environment
        )
        self.receivers = {name: self._receiver(name) for name in setup.receivers}
        self._undo.callback(self._end_all)
        self._make_gates()
        self._write_settings()
        self.load = Load(seed, setup.serials, int(time.time()) & 0xFFFFFFFF)
        self.ports = PtyPorts(self.load, self.folder)
        self.observer: Observer
        self.forgiven: set[Key] = set()
        """Commits that the harness itself took away."""
        self.downs: list[tuple[float, float]] = [(float("-inf"), float("inf"))]
        """From when until when the gateway did not run, by our doing."""
        self.paused: list[Window] = []
        self.deaf_lines: dict[str, list[Window]] = {serial: [] for serial in setup.serials}
        """When the line of a sensor was spoilt."""
        self._impaired: list[Window] = []

    # Life of the site.

    def start(self, *, receivers: bool = True) -> Site:
        for number in range(len(self.brokers)):
            self.broker_up(number)
        self.ports.start()
        self._undo.callback(self.ports.stop)
        outputs = {name: victim.output for name, victim in self.receivers.items()}
        stores = {name: self.store_of(name) for name in self.receivers}
        self.observer = Observer(self.data / "outbox.db", stores, outputs)
        self._undo.callback(self.observer.close)
        if receivers:
            for victim in self.receivers.values():
                victim.start()
        self.gateway_up()
        return self

    def close(self) -> None:
        self._undo.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Victims.

    def gateway_up(self) -> None:
        if not self.gateway.running:
            self.gateway.start()
            down_s, _never = self.downs[-1]
            self.downs[-1] = (down_s, self.gateway.started_s)

    def gateway_down(self, how: Callable[[], object] | None = None) -> None:
        """how: kill unless given. What is on disk afterwards has been seen when this returns."""
        self.downs.append((time.monotonic(), float("inf")))
        (how or self.gateway.kill)()
        self.gateway.reap()
        self.observer.look()

    def broker_up(self, number: int = 0) -> None:
        if not self.brokers[number].running:
            self.brokers[number].start()
        for gate in self.gates_to(number):
            gate.listen()

    def broker_down(self, number: int = 0, *, forget: bool = False, politely: bool = False) -> None:
        broker = self.brokers[number]
        for gate in self.gates_to(number):
            gate.stop_listening()
        if politely:
            broker.stop()
        else:
            broker.kill()
        if forget:
            broker.forget()

    def store_of(self, name: str) -> Path:
        return self.folder / f"{name}.db"

    def delete_store(self, name: str) -> None:
        for tail in ("", "-wal", "-shm"):
            (self.folder / f"{name}.db{tail}").unlink(missing_ok=True)

    # Gates.

    def gate(self, who: str = GATEWAY, number: int = 0) -> Gate:
        return self.gates[who, number]

    def gates_to(self, number: int) -> list[Gate]:
        return [gate for (_who, broker), gate in self.gates.items() if broker == number]

    # What the comparison needs to know.

    @contextmanager
    def impaired(self) -> Iterator[None]:
        """There is no path, in a way that no gate sees."""
        start_s = time.monotonic()
        try:
            yield
        finally:
            self._impaired.append((start_s, time.monotonic()))

    def up_times(self) -> dict[str, UpTime]:
        """Of each receiver: when alerts could have reached it."""
        return {name: UpTime(self._history(name)) for name in self.receivers}

    def _history(self, name: str) -> list[tuple[float, bool]]:
        ways = []
        for number in range(len(self.brokers)):
            mine = self.gate(name, number).history
            theirs = [(0.0, True)] if self.network is not None else self.gate(GATEWAY, number).history
            ways.append(both(mine, theirs))
        return without(either(ways), [*self._impaired, *self.paused])

    # Waiting.

    def wait(self, seconds: float) -> None:
        """Let the site run; the one place where time itself is what is waited for."""
        threading.Event().wait(seconds)

    def until(self, holds: Callable[[], bool], deadline_s: float = 60.0) -> bool:
        """Whether holds() came true in time; it is looked at often."""
        give_up_s = time.monotonic() + deadline_s
        pause = threading.Event()
        while not holds():
            if time.monotonic() >= give_up_s:
                return False
            pause.wait(0.01)
        return True

    def committed_more(self, rows: int, deadline_s: float = 30.0) -> bool:
        """Wait until the witness has seen so many rows more than now."""
        wanted = len(self.observer.committed) + rows
        return self.observer.wait(lambda: len(self.observer.committed) >= wanted, deadline_s)

    def received_more(self, rows: int, deadline_s: float = 60.0) -> bool:
        """Wait until so many more revisions are in the receivers' stores, of all together."""
        ledgers = self.observer.ledgers.values()
        wanted = sum(len(ledger.received) for ledger in ledgers) + rows
        return self.observer.wait(
            lambda: sum(len(ledger.received) for ledger in ledgers) >= wanted, deadline_s
        )

    def settle(self, deadline_s: float | None = None) -> bool:
        """Silence, then wait until every commit is with every receiver; whether that came to be."""
        self.load.quiet()
        self.wait(1.0)
        self.until(self._events_are_over, 8.0)
        give_up_s = time.monotonic() + (self.patience_s if deadline_s is None else deadline_s)
        while time.monotonic() < give_up_s:
            self.observer.look()
            if not self.observer.missing(frozenset(self.forgiven)):
                return True
            self.observer.wait(lambda: not self.observer.missing(frozenset(self.forgiven)), 2.0)
        return False

    def _events_are_over(self) -> bool:
        ended = {key[0] for key in self.observer.committed if key[2] == "end"}
        return all(key[0] in ended for key in list(self.observer.committed))

    # Making it.

    def _make_disk(self) -> None:
        if self.setup.disk == "small":
            self.disk = SmallDisk(self.data)
        elif self.setup.disk == "failing":
            self.disk = FailingDisk(self.folder, self.data)
        else:
            self.data.mkdir()
            return
        self._undo.callback(self.disk.close)

    def new_certificate(self, *, days: tuple[int, int], seed: int = 2) -> None:
        """Another certificate in the place of the brokers' one; they read it when they are told to."""
        assert self.authority is not None
        fresh = self.authority.issue(HOST, days=days, seed=seed)
        for new, old in ((fresh.cert, self._certificate.cert), (fresh.key, self._certificate.key)):
            old.write_text(new.read_text())

    def _make_broker(self) -> ChaosBroker:
        setup = self.setup
        lines = list(setup.broker_lines)
        if self.authority is not None:
            lines = [*tls_lines(self._certificate), *lines]
        broker = ChaosBroker(
            *lines,
            users=PASSWORDS if setup.login else None,
            acl=setup.acl,
            keeps_state=setup.keeps_state,
            speaks_tls=setup.tls,
            hosts=() if self.network is None else (self.network.broker_host,),
        )
        self._undo.callback(broker.close)
        return broker

    def _make_gates(self) -> None:
        for who in (GATEWAY, *self.receivers):
            for number, broker in enumerate(self.brokers):
                gate = self.pump.gate(f"{who}:{number}", (HOST, broker.port), opaque=self.setup.tls)
                gate.stop_listening()
                self.gates[who, number] = gate
                if who == GATEWAY:
                    gate.watch = self.faults.take

    def name_known(self, is_known: bool) -> None:
        """Whether the broker's host name can be resolved."""
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        (self.folder / "hosts").write_text("127.0.0.1 localhost" + f" {HOST_NAME}" * is_known + "\n")

    def _write_settings(self) -> None:
        self.name_known(True)
        for user, password in PASSWORDS.items():
            (self.folder / f"{user}.password").write_text(password + "\n")
        text = settings_text(
            self.setup, self.folder, self.data, [self._endpoint(n) for n in range(len(self.brokers))]
        )
        (self.folder / "gateway.toml").write_text(text)

    def _endpoint(self, number: int) -> Endpoint:
        if self.network is not None:
            return Endpoint(self.network.broker_host, self.brokers[number].port)
        return Endpoint(HOST_NAME if self.setup.names else HOST, self.gate(GATEWAY, number).port)

    def _gateway_command(self) -> list[str]:
        before: list[str] = list(self.prefix)
        if self.network is not None:
            before += self.network.prefix
        if self.setup.names:
            script = (
                f"mount --bind {self.folder}/hosts /etc/hosts"
                f' && mount --bind {self.folder}/resolv.conf /etc/resolv.conf && exec "$@"'
            )
            before += ["unshare", "-m", "sh", "-c", script, "sh"]
        return [*before, *python("gateway", "run", "--settings", str(self.folder / "gateway.toml"))]

    def _gateway_environment(self) -> dict[str, str]:
        return {} if self.clock is None else self.clock.environment

    def _receiver(self, name: str) -> Victim:
        def command() -> list[str]:
            options = ["--receive-as", name, "--store", str(self.store_of(name)), "--json"]
            options += ["--protocol", self.setup.protocol]
            for number in range(len(self.brokers)):
                scheme = "mqtts" if self.setup.tls else "mqtt"
                flag = "--broker" if number == 0 else "--backup-broker"
                options += [flag, f"{scheme}://{HOST}:{self.gate(name, number).port}"]
            if self.setup.tls:
                options += ["--ca", str(self.folder / "ca.pem")]
            if self.setup.login:
                options += ["--username", "receiver"]
                options += ["--password-file", str(self.folder / "receiver.password")]
            return python("gateway", "watch", *options)

        return Victim(name, command, self.folder)

    def _end_all(self) -> None:
        for victim in (self.gateway, *self.receivers.values()):
            victim.resume()
            victim.kill()


def is_root() -> bool:
    return os.geteuid() == 0
