"""The first broker fails while alerts come: how late is the latest of them, by the second one?

    python -m tests.benchmarks.failover [--trials 20] [--seed 1] --out FILE.jsonl
    python -m tests.benchmarks.failover --report FILE.jsonl...

Four alerts a second (a bang at one of eight sensors), start and end each. Of every alert whose frame was
written from a second before the fault until ten after it: the time from that frame's last byte to the line
that the receiver shows. The longest is the failover: most of it is noticing. The fault lasts twelve seconds;
the next one follows when alerts have gone by the first broker again for a while.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from tests.benchmarks.gateway_latency import RULE, Bangs, scenario
from tests.benchmarks.machine import processor
from tests.benchmarks.watched_site import PATHS, WatchedSite
from tests.chaos.points import HOLD

SENSORS = 8
APART_S = 2.0
BEFORE_S, AFTER_S, LASTS_S = 1.0, 10.0, 12.0
RECOVERY_S = 120.0
LONGEST_TRIAL_S = 75.0

Act = Callable[[WatchedSite], object]


def release(site: WatchedSite) -> None:
    site.gate(PATHS[0]).treat()
    site.gate(PATHS[0]).reset()


FAULTS: dict[str, tuple[Act, Act]] = {
    "killed": (lambda site: site.brokers[0].kill(), lambda site: site.brokers[0].start()),
    "stopped (SIGSTOP)": (lambda site: site.brokers[0].pause(), lambda site: site.brokers[0].resume()),
    "network swallows everything": (lambda site: site.gate(PATHS[0]).treat(HOLD, HOLD), release),
}


def trial(site: WatchedSite, bangs: Bangs, fault: str, chance: Random) -> dict[str, object]:
    pause = threading.Event()
    first = len(site.signs.items)
    pause.wait(2.0 + chance.uniform(0.0, 2.0))
    do, undo = FAULTS[fault]
    begin_s = time.monotonic()
    do(site)
    pause.wait(LASTS_S)
    undo(site)
    pause.wait(8.0)  # what comes twice comes now
    lines = [sign for sign in site.signs.items[first:] if sign.by == "shown" and sign.topic == "alert"]
    came_s: dict[str, float] = {}
    for sign in lines:
        if sign.body["phase"] == "start":
            came_s.setdefault(sign.body["event_id"], sign.at_s)
    due = {
        event: at_s
        for event, at_s in list(bangs.written_s.items())
        if begin_s - BEFORE_S <= at_s <= begin_s + AFTER_S
    }
    times = Counter((sign.body["event_id"], sign.body["revision"]) for sign in lines)
    delays_s = [came_s[event] - at_s for event, at_s in due.items() if event in came_s]
    return {
        "fault": fault,
        "longest_s": max(delays_s),
        "alerts": len(due),
        "lost": len(due.keys() - came_s.keys()),
        "shown_twice": sum(count - 1 for count in times.values()),
        "late": sum(delay_s > 1.0 for delay_s in delays_s),
        "historical": sum(sign.body.get("historical", False) for sign in lines),
    }


def run(trials: int, seed: int, out: Path) -> None:
    chance = Random(seed)
    order = [fault for _ in range(trials) for fault in chance.sample(list(FAULTS), len(FAULTS))]
    alerts = round(SENSORS * (len(order) * LONGEST_TRIAL_S) / APART_S)
    script = scenario(SENSORS, alerts, together=False, apart_s=APART_S)
    bangs = Bangs(script)
    serials = [sensor.serial for sensor in script.sensors]
    with (
        tempfile.TemporaryDirectory(prefix="failover-") as made,
        WatchedSite(Path(made), bangs, serials, bangs.told, rule=RULE) as site,
    ):
        site.wait(lambda: len(bangs.written_s) > SENSORS, "the first alerts", RECOVERY_S)
        for fault in order:
            site.wait(site.delivering, "a site that is well", RECOVERY_S)
            row = trial(site, bangs, fault, chance)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"seed": seed, **row}) + "\n")


def report(paths: Sequence[Path]) -> None:
    rows = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    by_fault = defaultdict(list)
    for row in rows:
        by_fault[row["fault"]].append(row)
    print(
        "| first broker | n | median s | longest s | later than 1 s | alerts | lost | shown twice |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for fault, found in by_fault.items():
        longest_s = [row["longest_s"] for row in found]
        sums = [sum(row[key] for row in found) for key in ("late", "alerts", "lost", "shown_twice")]
        print(
            f"| {fault} | {len(found)} | {statistics.median(longest_s):.2f} | {max(longest_s):.2f} | "
            + " | ".join(map(str, sums))
            + " |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=20, help="of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("failover.jsonl"))
    parser.add_argument("--report", type=Path, nargs="+", help="no run: the table of these files")
    args = parser.parse_args()
    sys.setswitchinterval(0.0005)
    if args.report is None:
        print(processor())
        run(args.trials, args.seed, args.out)
    report(args.report or [args.out])


if __name__ == "__main__":
    main()
