"""`agw demo`: the whole route on this machine, without hardware.

An embedded broker, simulated sensors on pseudo-terminals fed with captures of really recorded sound, the
gateway as it runs in the field, and the control room's tail of alerts, which says of each that it has it.
Nothing outside this machine is reached, and everything it makes lies in one temporary folder.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from control_room.watcher import ReceiveAs, Watcher
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Scenario
from gateway.app import App, follow_log_to_stderr
from gateway.embedded_broker import EmbeddedBroker
from gateway.exit_codes import ExitCode
from gateway.settings.load import parse_settings
from gateway.tools.simulate import load_library, load_scenario, make_world
from gateway.tools.until_stopped import until_stopped

_BEFORE_THE_END_S = 1.0
_LOOK_S = 0.2
_RECEIVER = "demo-desk"

_TEXTS = {
    "en": {
        "broker": "broker        {url} (embedded, this machine only)",
        "sensors": "sensors       {count} simulated, scenario {name!r}: {title}",
        "model": "model         {model}",
        "no_model": "model         none: {problem}; only levels are measured",
        "stop": "alerts follow as a control room sees them; Ctrl-C ends it",
        "first": "first alert {seconds:.1f} s after the start",
        "done": "{starts} alerts raised, {ends} cleared; the folder {folder} is wiped",
        "none": "no alert was raised",
    },
    "nl": {
        "broker": "broker        {url} (ingebouwd, alleen op deze machine)",
        "sensors": "sensoren      {count} gesimuleerd, scenario {name!r}: {title}",
        "model": "model         {model}",
        "no_model": "model         geen: {problem}; alleen het niveau wordt gemeten",
        "stop": "hieronder de alarmen zoals een meldkamer ze ziet; Ctrl-C stopt",
        "first": "eerste alarm {seconds:.1f} s na de start",
        "done": "{starts} alarmen gegeven, {ends} beëindigd; de map {folder} wordt gewist",
        "none": "er was geen alarm",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", default="fight", help="name or file of a scenario (default: fight)")
    parser.add_argument("--seed", type=int, help="another course of the same scenario")
    parser.add_argument("--lang", choices=("nl", "en"), default="en", help="language of the lines")
    parser.add_argument("--json", action="store_true", help="alerts as JSON, as they came over the broker")
    parser.add_argument("--until-alerts", type=int, metavar="N", help="end once N alerts are cleared")
    parser.add_argument("--verbose", action="store_true", help="the gateway's own log as well")


def run(args: argparse.Namespace) -> int:
    words = _TEXTS[args.lang]
    begun_s = time.monotonic()
    if args.verbose:
        follow_log_to_stderr("info")
    else:
        logging.getLogger().addHandler(logging.NullHandler())
    scenario = load_scenario(args.scenario, seed=args.seed)
    with tempfile.TemporaryDirectory(prefix="agw-demo-") as folder, EmbeddedBroker() as broker:
        ports = PtyPorts(make_world(scenario, load_library()), Path(folder))
        text = _settings(scenario, broker.port, Path(folder))
        app = App(parse_settings(text, Path(folder) / "gateway.toml"))
        watcher = Watcher(
            broker.url,
            args.lang,
            sys.stdout,
            as_json=args.json,
            receive_as=ReceiveAs(_RECEIVER, Path(folder) / "received.db"),
        )
        watcher.start()
        try:
            app.start()
            ports.start()
            _introduce(app, broker, scenario, args.lang)
            ends_s = time.monotonic() + scenario.duration_s - _BEFORE_THE_END_S
            _follow(app, watcher, ends_s, args.until_alerts, begun_s, words)
        finally:
            app.stop()
            ports.stop()
            watcher.stop()
        _say(words["done"].format(starts=watcher.starts, ends=watcher.ends, folder=folder))
        if app.failure is not None:
            return ExitCode.FAILED
        if watcher.starts == 0:
            _say(words["none"])
            return ExitCode.FOUND
    return ExitCode.OK


def _introduce(app: App, broker: EmbeddedBroker, scenario: Scenario, language: str) -> None:
    words = _TEXTS[language]
    about = scenario.about_in(language)
    _say(words["broker"].format(url=broker.url))
    _say(words["sensors"].format(count=len(scenario.sensors), name=scenario.name, title=about))
    _say(_model_line(app, words))
    _say(words["stop"])


def _follow(
    app: App, watcher: Watcher, ends_s: float, until_alerts: int | None, begun_s: float, words: dict[str, str]
) -> None:
    """Until the scenario is nearly over (its ports vanish with it), enough alerts are cleared, or Ctrl-C."""
    first_told = False
    with until_stopped() as stopping:
        while not (app.ended.is_set() or stopping.is_set()) and time.monotonic() < ends_s:
            if watcher.starts and not first_told:
                first_told = True
                _say(words["first"].format(seconds=time.monotonic() - begun_s))
            if until_alerts is not None and watcher.ends >= until_alerts:
                return
            stopping.wait(_LOOK_S)


def _settings(scenario: Scenario, broker_port: int, folder: Path) -> str:
    sensors = "\n".join(
        f'[[port]]\nurl = "{folder}/{script.serial}*"\n'
        f'[[sensor]]\nid = "{script.serial.lower()}"\nserial = "{script.serial}"\n'
        f'place = {{ zone = "{scenario.name}", lat_deg = {lat:.6f}, lon_deg = {lon:.6f} }}\n'
        for script, (lat, lon) in zip(scenario.sensors, _square(), strict=False)
    )
    return (
        f'[gateway]\nsite = "demo"\nid = "gw-demo"\nstatus = "Exercise"\ndata_dir = "{folder}/data"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker_port}\nkeep_alive_s = 10\n'
        f'[delivery]\nreceivers = ["{_RECEIVER}"]\ntest_alert_every_h = 0\n{sensors}'
    )


def _square() -> Iterator[tuple[float, float]]:
    """Places for 64 sensors on one square, near enough to hear one fight: latitude and longitude."""
    for row in range(8):
        for column in range(8):
            yield 52.379100 + row * 0.000045, 4.900300 + column * 0.000074  # 5 m each way


def _model_line(app: App, words: dict[str, str]) -> str:
    assert app.model is not None
    if app.model.problem is not None:
        return words["no_model"].format(problem=app.model.problem)
    return words["model"].format(model=app.model.model_id)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
