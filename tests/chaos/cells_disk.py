"""Disks that are full, fail or hold something else than before; a clock that is years off; sensors' lines."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from firmware_bridge.simulator.faulty_line import FaultRates
from tests.chaos.cells import FAKETIME, ROOT, Cell
from tests.chaos.disks import FailingDisk, SmallDisk
from tests.chaos.setup import Setup
from tests.chaos.site import Site

SMALL, FAILING, CLOCK = Setup(disk="small"), Setup(disk="failing"), Setup(clock=True)
NO_LIMIT = resource.RLIM_INFINITY


def cells() -> Iterator[Cell]:
    root, clock = frozenset([ROOT]), frozenset([FAKETIME])
    yield Cell("disk full", disk_full, SMALL, root)
    yield Cell("disk full, gateway killed", disk_full_and_killed, SMALL, root)
    yield Cell("disk full at the start", disk_full_at_start, SMALL, root)
    yield Cell("disk fails and turns read-only", disk_fails, FAILING, root)
    yield Cell("writes refused", writes_refused)
    yield Cell("no file descriptors", no_descriptors)
    yield Cell("outbox locked by another program", outbox_locked)
    yield Cell("outbox deleted", outbox_deleted)
    yield Cell("outbox damaged", outbox_damaged)
    yield Cell("receiver's store deleted", store_deleted)
    yield Cell("receiver's store damaged", store_damaged)
    yield Cell("receiver's writes refused", receiver_writes_refused)
    yield Cell("clock years ahead", _clock_moved("+7y"), CLOCK, clock)
    yield Cell("clock years behind", _clock_moved("-12y"), CLOCK, clock)
    yield Cell("clock wrong at the start, then right", clock_wrong_at_start, CLOCK, clock)
    yield Cell("sensor's cable pulled", cable_pulled)
    yield Cell("sensor's line garbled", line_garbled)
    yield Cell("sensor rebooted", sensor_rebooted)
    yield Cell("sensor silent", sensor_silent)


def disk_full(site: Site, random: Random) -> None:
    assert isinstance(site.disk, SmallDisk)
    for _ in range(2):
        site.disk.fill()
        site.wait(random.uniform(5.0, 8.0))
        site.disk.free()
        site.received_more(4)


def disk_full_and_killed(site: Site, random: Random) -> None:
    """What could not be stored is sent as the only copy; what was stored must survive all of it."""
    assert isinstance(site.disk, SmallDisk)
    for _ in range(3):
        site.disk.fill()
        site.wait(random.uniform(1.0, 4.0))
        site.gateway_down()
        site.disk.free()
        site.gateway_up()
        site.received_more(3)


def disk_full_at_start(site: Site, _random: Random) -> None:
    """It may refuse to run, as long as it says so and runs once there is room (who starts it tries again)."""
    assert isinstance(site.disk, SmallDisk)
    site.gateway_down()
    site.disk.fill()
    for _ in range(3):
        site.gateway.start()
        site.wait(2.0)
        site.gateway.kill()
    site.gateway.ended_by_itself.clear()
    site.disk.free()
    site.gateway_up()


def disk_fails(site: Site, random: Random) -> None:
    """EIO, then read-only. Mending it takes a restart, as changing a card does."""
    assert isinstance(site.disk, FailingDisk)
    site.disk.fail()
    site.wait(random.uniform(6.0, 9.0))
    site.gateway_down()
    site.disk.mend()
    site.gateway_up()


def writes_refused(site: Site, random: Random) -> None:
    """Every write to a file ends in EFBIG, as with a quota or a broken mount."""
    _with_limit(site, site.gateway.pid, resource.RLIMIT_FSIZE, 1, random.uniform(6.0, 8.0))


def no_descriptors(site: Site, random: Random) -> None:
    pid = site.gateway.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, before[1]))
    site.gate().reset()
    site.wait(random.uniform(5.0, 7.0))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def receiver_writes_refused(site: Site, random: Random) -> None:
    """Nothing may be confirmed that is not kept; what it shows meanwhile goes nowhere either."""
    receiver = next(iter(site.receivers.values()))
    with site.impaired():
        _with_limit(site, receiver.pid, resource.RLIMIT_FSIZE, 1, random.uniform(5.0, 6.0))
        receiver.kill()
        receiver.start()


def _with_limit(site: Site, pid: int, limit: int, value: int, lasts_s: float) -> None:
    before = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (value, before[1]))
    site.wait(lasts_s)
    resource.prlimit(pid, limit, before)


def outbox_locked(site: Site, random: Random) -> None:
    locker = sqlite3.connect(site.data / "outbox.db", isolation_level=None, timeout=10.0)
    try:
        locker.execute("BEGIN IMMEDIATE")
        site.wait(random.uniform(8.0, 10.0))
        locker.execute("ROLLBACK")
    finally:
        locker.close()


def outbox_deleted(site: Site, _random: Random) -> None:
    """Once everything in it had arrived."""
    assert site.settle()
    site.gateway_down()
    for tail in ("", "-wal", "-shm"):
        (site.data / f"outbox.db{tail}").unlink(missing_ok=True)
    site.load.quiet(False)
    site.gateway_up()
    site.received_more(4)


def outbox_damaged(site: Site, random: Random) -> None:
    assert site.settle()
    site.gateway_down()
    path = site.data / "outbox.db"
    with path.open("r+b") as file:
        file.seek(1024)
        file.write(random.randbytes(max(4096, path.stat().st_size // 2)))
    site.load.quiet(False)
    site.gateway_up()
    site.received_more(4)


def store_deleted(site: Site, _random: Random) -> None:
    _robbed(site, site.delete_store)


def store_damaged(site: Site, random: Random) -> None:
    _robbed(site, lambda name: site.store_of(name).write_bytes(random.randbytes(20_000)))


def _robbed(site: Site, rob: Callable[[str], object]) -> None:
    receiver = next(iter(site.receivers.values()))
    assert site.settle()
    receiver.kill()
    site.observer.read_outputs()
    rob(receiver.name)
    site.observer.eras[receiver.name] += 1
    site.load.quiet(False)
    receiver.start()
    site.received_more(4)


def _clock_moved(offset: str) -> Callable[[Site, Random], None]:
    def act(site: Site, random: Random) -> None:
        assert site.clock is not None
        site.clock.set(offset)
        site.wait(random.uniform(6.0, 8.0))
        site.gate().reset()
        site.wait(random.uniform(4.0, 6.0))
        site.clock.set("+0")
        site.wait(3.0)

    return act


def clock_wrong_at_start(site: Site, random: Random) -> None:
    """Twenty years behind, as without a battery; put right while alerts wait, and while they are sent."""
    assert site.clock is not None
    for _ in range(2):
        site.clock.set("-20y")
        site.gate().refuse()
        site.gateway_down()
        site.gateway_up()
        site.committed_more(6)
        if random.random() < 0.5:
            site.gate().listen()
        site.clock.set("+0")
        site.wait(2.0)
        site.gate().listen()
        site.received_more(6)


def cable_pulled(site: Site, random: Random) -> None:
    for serial in random.sample(site.setup.serials, 3):
        with _line_spoilt(site, serial):
            site.load.pull(serial)
            site.wait(random.uniform(1.0, 3.0))
            site.load.plug(serial)


def line_garbled(site: Site, random: Random) -> None:
    serials = random.sample(site.setup.serials, 4)
    starts_s = time.monotonic()
    for serial in serials:
        site.load.garble(serial, FaultRates(drop=0.05, duplicate=0.05, reorder=0.05, flip=0.002, noise=0.3))
    site.wait(10.0)
    for serial in serials:
        site.load.garble(serial, None)
        site.deaf_lines[serial].append((starts_s, time.monotonic() + 2.0))


def sensor_rebooted(site: Site, random: Random) -> None:
    for serial in random.sample(site.setup.serials, 4):
        with _line_spoilt(site, serial):
            site.load.reboot(serial)
            site.wait(random.uniform(0.3, 1.5))


def sensor_silent(site: Site, random: Random) -> None:
    serial = random.choice(site.setup.serials)
    with _line_spoilt(site, serial):
        site.load.stall(serial, True)
        site.wait(random.uniform(8.0, 12.0))
        site.load.stall(serial, False)


@contextmanager
def _line_spoilt(site: Site, serial: str) -> Iterator[None]:
    """A sound of this sensor need not be heard until its line has settled again."""
    start_s = time.monotonic()
    try:
        yield
    finally:
        site.deaf_lines[serial].append((start_s, time.monotonic() + 4.0))
