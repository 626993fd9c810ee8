"""How long until each failure on the way is reported, at the gateway and at the control room.

    python -m tests.benchmarks.path_failures [--trials 10] [--seed 1] [--only NAME...] --out FILE.jsonl
    python -m tests.benchmarks.path_failures --report FILE.jsonl...

Everything with its defaults: heartbeats every 2 s, keep-alive 10 s, the will 5 s later. Several runs with
different seeds may go on at the same time. A time runs from the moment of the fault to the moment when the
sign of it was seen: the gateway's health at a broker that is still reached, what the broker publishes for
the gateway (last will), a line that the receiver shows, a line of a log.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.benchmarks.machine import processor
from tests.benchmarks.watched_site import PATHS, RECEIVER, Sign, WatchedSite, has_fault, is_health
from tests.chaos.load import HOLD_S, LOUD_DB, Load
from tests.chaos.points import HOLD

SERIALS = ["C-01", "C-02"]
RULE = f"[decision.loud]\nenabled = true\nlevel_db = {LOUD_DB:g}\nfor_s = 0.125\nhold_s = {HOLD_S:g}\n"
LONGEST_S = 45.0
RECOVERY_S = 120.0
SETTLE_S = 7.0  # three heartbeats: everybody has been heard since the last fault

Act = Callable[["Site"], None]
Shows = Callable[[Sign], bool]


@dataclass
class Site:
    watched: WatchedSite
    load: Load
    resting: threading.Event


@dataclass(frozen=True, slots=True)
class Failure:
    """signs: by name, what tells of it. All of them are waited for."""

    name: str
    do: Act
    undo: Act
    signs: dict[str, Shows]


def health(by: str, code: str, where: str = "") -> Shows:
    return lambda sign: sign.by == by and is_health(sign) and has_fault(sign, code, where)


def shown_fault(code: str) -> Shows:
    return lambda sign: sign.by == "shown" and sign.topic == "gateway_health" and has_fault(sign, code)


def shown(kind: str, **fields: str) -> Shows:
    return lambda sign: (
        sign.by == "shown" and sign.topic == kind and all(sign.body.get(k) == v for k, v in fields.items())
    )


def status_offline(sign: Sign) -> bool:
    """The last will, at either broker."""
    return sign.topic.endswith("/gw/status") and sign.body["state"] == "offline"


def logged(by: str, *words: str) -> Shows:
    return lambda sign: sign.by == by and any(word in sign.body["text"].lower() for word in words)


def sensor_offline(by: str) -> Shows:
    return lambda sign: (
        sign.by == by and sign.body.get("type") == "sensor_availability" and sign.body["state"] == "offline"
    )


LOST_PRIMARY = {
    "gateway's health, by the backup": health("backup", "broker_lost", "primary"),
    "the receiver shows it": shown_fault("broker_lost"),
}
RECEIVER_GONE = {"gateway's health": health("primary", "receiver_silent", RECEIVER)}
GATEWAY_GONE = {
    "the receiver misses heartbeats": shown("gateway_silent"),
    "last will at a broker": status_offline,
    "the receiver shows the will": shown("gateway_status", state="offline"),
}
SENSOR_GONE = {
    "availability at the broker": sensor_offline("primary"),
    "the receiver shows it": shown("sensor_availability", state="offline"),
}


def failures() -> list[Failure]:
    return [
        Failure(
            "primary broker killed",
            lambda site: site.watched.brokers[0].kill(),
            lambda site: void(site.watched.brokers[0].start()),
            {**LOST_PRIMARY, "receiver's own line": logged("receiver log", "lost", "no broker", "cannot")},
        ),
        Failure(
            "primary broker stopped (SIGSTOP)",
            lambda site: site.watched.brokers[0].pause(),
            lambda site: site.watched.brokers[0].resume(),
            LOST_PRIMARY,
        ),
        Failure(
            "gateway's network to the primary swallows everything",
            lambda site: site.watched.gate("primary").treat(HOLD, HOLD),
            lambda site: released(site, "primary"),
            LOST_PRIMARY,
        ),
        Failure(
            "connection reset, then refused",
            lambda site: site.watched.gate("primary").refuse(),
            lambda site: site.watched.gate("primary").listen(),
            LOST_PRIMARY,
        ),
        Failure(
            "connection reset once",
            lambda site: site.watched.gate("primary").reset(),
            lambda site: None,
            LOST_PRIMARY,
        ),
        Failure(
            "gateway's whole network swallows everything",
            lambda site: both(lambda path: site.watched.gate(path).treat(HOLD, HOLD)),
            lambda site: both(lambda path: released(site, path)),
            {**GATEWAY_GONE, "gateway's log": logged("gateway log", "no acknowledgement", "lost")},
        ),
        Failure(
            "sensor's cable pulled",
            lambda site: site.load.pull(SERIALS[0]),
            lambda site: site.load.plug(SERIALS[0]),
            SENSOR_GONE,
        ),
        Failure(
            "sensor silent",
            lambda site: site.load.stall(SERIALS[0], True),
            lambda site: site.load.stall(SERIALS[0], False),
            SENSOR_GONE,
        ),
        Failure(
            "receiver killed",
            lambda site: site.watched.receiver.end(signal.SIGKILL),
            lambda site: void(site.watched.receiver.start()),
            {**RECEIVER_GONE, "an alert without its receipt": health("primary", "alert_not_received")},
        ),
        Failure(
            "receiver stopped (SIGSTOP)",
            lambda site: site.watched.receiver.send(signal.SIGSTOP),
            lambda site: site.watched.receiver.send(signal.SIGCONT),
            {**RECEIVER_GONE, "an alert without its receipt": health("primary", "alert_not_received")},
        ),
        Failure(
            "gateway killed",
            lambda site: void(site.watched.gateway.kill()),
            lambda site: void(site.watched.gateway.start()),
            GATEWAY_GONE,
        ),
        Failure(
            "gateway stopped (SIGSTOP)",
            lambda site: site.watched.gateway.signal(signal.SIGSTOP),
            lambda site: site.watched.gateway.signal(signal.SIGCONT),
            GATEWAY_GONE,
        ),
    ]


def void(_result: object) -> None:
    return


def both(act: Callable[[str], None]) -> None:
    for path in PATHS:
        act(path)


def released(site: Site, path: str) -> None:
    site.watched.gate(path).treat()
    site.watched.gate(path).reset()  # what was held belongs to connections given up long ago


def trial(site: Site, failure: Failure) -> dict[str, float | None]:
    """Seconds from the fault to each sign, None for one that did not come."""
    signs = site.watched.signs
    before = len(signs.items)
    begin_s = time.monotonic()
    failure.do(site)
    give_up_s = time.monotonic() + LONGEST_S
    found: dict[str, float | None] = dict.fromkeys(failure.signs)
    while None in found.values() and time.monotonic() < give_up_s:
        fresh = [sign for sign in signs.items[before:] if sign.at_s >= begin_s]
        for name, shows in failure.signs.items():
            if found[name] is None:
                found[name] = next((sign.at_s - begin_s for sign in fresh if shows(sign)), None)
        site.resting.wait(0.05)
    failure.undo(site)
    return found


def recovered(site: Site) -> bool:
    online = site.watched.last(lambda sign: sign.topic.endswith("/gw/status"))
    topics = [f"/{serial.lower()}/availability" for serial in SERIALS]
    sensors = [site.watched.last(lambda sign, end=end: sign.topic.endswith(end)) for end in topics]
    everybody = [online, *sensors]
    return site.watched.delivering() and all(one and one.body["state"] == "online" for one in everybody)


def run(trials: int, seed: int, only: Sequence[str], out: Path) -> None:
    chosen = [one for one in failures() if not only or one.name in only]
    chance = Random(seed)
    with tempfile.TemporaryDirectory(prefix="paths-") as made:
        load = Load(seed, SERIALS, int(time.time()) & 0xFFFFFFFF, mean_gap_s=2.0)
        with WatchedSite(Path(made), load, SERIALS, rule=RULE) as watched:
            site = Site(watched, load, threading.Event())
            for number in range(trials):
                for failure in chance.sample(chosen, len(chosen)):
                    watched.wait(lambda: recovered(site), "a site that is well", RECOVERY_S)
                    site.resting.wait(SETTLE_S + chance.uniform(0.0, 2.5))
                    row = {"failure": failure.name, "seed": seed, "trial": number, "s": trial(site, failure)}
                    with out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")


def report(paths: Sequence[Path]) -> None:
    """By failure and sign: how often, median and longest."""
    times: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for name, seconds in row["s"].items():
                times[row["failure"], name].append(seconds)
    print("| failure | sign | n | median s | longest s |\n|---|---|---|---|---|")
    for (failure, name), seconds in times.items():
        seen = [one for one in seconds if one is not None]
        never = f" ({len(seconds) - len(seen)} never)" if len(seen) < len(seconds) else ""
        middle, most = (statistics.median(seen), max(seen)) if seen else (float("nan"), float("nan"))
        print(f"| {failure} | {name} | {len(seconds)}{never} | {middle:.1f} | {most:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=10, help="of each failure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=(), help="names of failures")
    parser.add_argument("--out", type=Path, default=Path("path_failures.jsonl"))
    parser.add_argument("--report", type=Path, nargs="+", help="no run: the table of these files")
    args = parser.parse_args()
    if args.report is None:
        print(processor())
        run(args.trials, args.seed, args.only, args.out)
    report(args.report or [args.out])


if __name__ == "__main__":
    main()
