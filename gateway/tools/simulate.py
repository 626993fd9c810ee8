"""`agw simulate`: sensors without hardware, on pseudo-terminals that the gateway opens as serial ports.

Sounds come from captures; what goes wrong and when, from a scenario. With `--out` the same run is made in
memory, as fast as possible, and each sensor's bytes become a capture. With `--play` the ports give what was
recorded, byte for byte, from the moment they are opened.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from firmware_bridge.capture import SUFFIX, CaptureHeader, CaptureProblem, CaptureReader, open_capture
from firmware_bridge.capture_writer import CaptureWriter, create_capture
from firmware_bridge.simulator.library import load_sounds
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.recorded_world import RecordedWorld
from firmware_bridge.simulator.scenario import Scenario, ScenarioError, with_sensor_count
from firmware_bridge.simulator.scenario_file import load_scenario as read_scenario
from firmware_bridge.simulator.sound import NoSuchSoundError, SoundLibrary
from firmware_bridge.simulator.world import (
    FULL_SCALE_DB,
    LAYOUT_ID,
    PortAppeared,
    Sent,
    SimulatedWorld,
    WorldEvent,
    play_in_memory,
)
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.resources import config_root
from gateway.tools.until_stopped import until_stopped

DEFAULT_SCENARIO = "fight"
_LOOK_S = 0.5
_U32 = 0xFFFFFFFF
_MICROSECONDS = 1_000_000

_WORDS = {
    "en": {
        "scenario": "scenario {name}: {about}",
        "appeared": "{t:8.1f} s  {serial} is at {path}",
        "vanished": "{t:8.1f} s  {serial} is gone from {path}",
        "running": "{seconds:.0f} s; Ctrl-C ends it",
        "playing": "they are played once all are open; Ctrl-C ends it",
        "over": "the scenario is over",
        "wrote": "{path}: {size} bytes of {seconds:.0f} s",
    },
    "nl": {
        "scenario": "scenario {name}: {about}",
        "appeared": "{t:8.1f} s  {serial} zit op {path}",
        "vanished": "{t:8.1f} s  {serial} is weg van {path}",
        "running": "{seconds:.0f} s; Ctrl-C stopt",
        "playing": "ze worden afgespeeld zodra ze alle open zijn; Ctrl-C stopt",
        "over": "het scenario is afgelopen",
        "wrote": "{path}: {size} bytes over {seconds:.0f} s",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenario",
        default=DEFAULT_SCENARIO,
        metavar="NAME|FILE",
        help=f"ready-made, or a TOML file (default: {DEFAULT_SCENARIO})",
    )
    parser.add_argument("--play", type=Path, nargs="+", metavar="FILE", help="captures instead of a scenario")
    parser.add_argument("--list", action="store_true", help="say which scenarios there are, and end")
    parser.add_argument("--sensors", type=int, metavar="N", help="this many sensors (1 to 64)")
    parser.add_argument("--seed", type=int, metavar="S", help="another course of the same scenario")
    parser.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="end after this long")
    parser.add_argument(
        "--speed", choices=("real", "max"), default="real", help="max: as fast as the ports are read"
    )
    parser.add_argument("--epoch", type=int, metavar="E", help="boot epoch (default: a new one each run)")
    parser.add_argument(
        "--dir", type=Path, metavar="D", help="where the ports' names appear (default: temporary)"
    )
    parser.add_argument("--captures", type=Path, metavar="D", help="folder of captures to play")
    parser.add_argument("--out", type=Path, metavar="D", help="no ports: write a capture of each sensor here")
    parser.add_argument("--force", action="store_true", help="with --out: write over existing captures")
    parser.add_argument("--lang", choices=("nl", "en"), default="en", help="language of the lines")


def run(args: argparse.Namespace) -> int:
    words = _WORDS[args.lang]
    if args.list:
        for path in sorted(_scenario_folder().glob("*.toml")):
            print(f"{path.stem:<12} {load_scenario(path.stem).about_in(args.lang)}")
        return ExitCode.OK
    if args.play is not None:
        _play(args.play, args.dir, args.speed == "max", words)
        return ExitCode.OK
    scenario = load_scenario(args.scenario, seed=args.seed, sensors=args.sensors, duration_s=args.for_s)
    world = make_world(scenario, load_library(args.captures), args.epoch)
    print(words["scenario"].format(name=scenario.name, about=scenario.about_in(args.lang)), flush=True)
    if args.out is not None:
        _write_captures(world, args.out, args.force, words)
    else:
        with _folder(args.dir) as place:
            ports = PtyPorts(
                world, place, flat_out=args.speed == "max", told=lambda event: _tell(event, place, words)
            )
            _run(ports, place, words["running"].format(seconds=scenario.duration_s))
        if world.finished:
            print(words["over"])
    return ExitCode.OK


def load_scenario(
    name: str, *, seed: int | None = None, sensors: int | None = None, duration_s: float | None = None
) -> Scenario:
    """A ready-made scenario by name, or one from a file, changed where asked; else GatewayError."""
    path = Path(name) if name.endswith(".toml") else _scenario_folder() / f"{name}.toml"
    try:
        scenario = read_scenario(path)
        if seed is not None:
            scenario = replace(scenario, seed=seed)
        if duration_s is not None:
            scenario = replace(scenario, duration_s=duration_s)
        return scenario if sensors is None else with_sensor_count(scenario, sensors)
    except ScenarioError as problem:
        raise GatewayError(problem.what, where=problem.where, hint=problem.hint) from problem
    except OSError as problem:
        names = ", ".join(sorted(found.stem for found in _scenario_folder().glob("*.toml")))
        raise GatewayError(
            f"no scenario: {problem.strerror}",
            where=name,
            hint=f"Ready-made are {names}; or give a .toml file",
        ) from problem


def load_library(folder: Path | None = None) -> SoundLibrary:
    """The sounds of a folder of captures, by default those that come with the program."""
    folder = config_root() / "captures" if folder is None else folder
    loaded = load_sounds(sorted(folder.glob(f"*{SUFFIX}")))
    for path, why in loaded.problems:
        raise GatewayError(why, where=str(path), hint="Remove this capture, or make it again")
    if not loaded.sounds:
        raise GatewayError(
            "there are no captures to play", where=str(folder), hint="Name a folder with --captures"
        )
    return loaded.sounds


def make_world(scenario: Scenario, library: SoundLibrary, epoch: int | None = None) -> SimulatedWorld:
    """The world of one run. epoch: None takes the clock's seconds, which no earlier run had."""
    try:
        return SimulatedWorld(scenario, library, (int(time.time()) if epoch is None else epoch) & _U32)
    except NoSuchSoundError as problem:
        raise GatewayError(
            str(problem), where=f"scenario {scenario.name}", hint="Play other captures with --captures"
        ) from problem


def _scenario_folder() -> Path:
    return config_root() / "scenarios"


def _play(files: list[Path], folder: Path | None, flat_out: bool, words: dict[str, str]) -> None:
    with ExitStack() as opened, _folder(folder) as place:
        captures = {}
        for path in files:
            if path.stem in captures:
                raise GatewayError("two captures of one name cannot be played together", where=str(path))
            captures[path.stem] = opened.enter_context(_open(path))
        ports = PtyPorts(
            RecordedWorld(captures),
            place,
            flat_out=flat_out,
            when_open=True,
            told=lambda event: _tell(event, place, words),
        )
        _run(ports, place, words["playing"])
        for path in files:
            if captures[path.stem].problem is not None:
                raise GatewayError(str(captures[path.stem].problem), where=str(path))


def _open(path: Path) -> CaptureReader:
    try:
        opened = open_capture(path)
    except OSError as problem:
        raise GatewayError(f"cannot read: {problem.strerror}", where=str(path)) from problem
    if isinstance(opened, CaptureProblem):
        raise GatewayError(str(opened), where=str(path))
    return opened


def _tell(event: WorldEvent, place: Path, words: dict[str, str]) -> None:
    if not isinstance(event, Sent):
        word = "appeared" if isinstance(event, PortAppeared) else "vanished"
        print(words[word].format(t=event.t_s, serial=event.serial, path=place / event.port), flush=True)


def _run(ports: PtyPorts, place: Path, running: str) -> None:
    """Until its end, or Ctrl-C or SIGTERM."""
    with until_stopped() as stopping:
        try:
            _start(ports, place)
            print(running, flush=True)
            while ports.running and not stopping.is_set():
                stopping.wait(_LOOK_S)
        finally:
            ports.stop()


def _start(ports: PtyPorts, place: Path) -> None:
    try:
        ports.start()
    except OSError as problem:
        raise GatewayError(
            f"no port can be made here: {problem.strerror}", where=str(place), hint="Name another with --dir"
        ) from problem


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="agw-simulate-") as temporary:
            yield Path(temporary)
        return
    _make_folder(folder)
    yield folder


def _write_captures(world: SimulatedWorld, folder: Path, force: bool, words: dict[str, str]) -> None:
    _make_folder(folder)
    scenario = world.scenario
    writers: dict[str, CaptureWriter] = {}
    try:
        with ExitStack() as files:
            for script in scenario.sensors:
                header = _header(scenario, script.serial)
                path = folder / f"{script.serial}{SUFFIX}"
                writers[script.serial] = files.enter_context(create_capture(path, header, overwrite=force))
            for event in play_in_memory(world):
                if isinstance(event, Sent):
                    writers[event.serial].write(round(event.t_s * _MICROSECONDS), event.data)
    except FileExistsError as problem:
        raise GatewayError(
            "this capture exists already", where=str(problem.filename), hint="Write over it with --force"
        ) from problem
    except OSError as problem:
        raise GatewayError(f"cannot write: {problem.strerror}", where=str(folder)) from problem
    for serial, writer in writers.items():
        print(
            words["wrote"].format(
                path=folder / f"{serial}{SUFFIX}", size=writer.size_bytes, seconds=scenario.duration_s
            )
        )


def _header(scenario: Scenario, serial: str) -> CaptureHeader:
    return CaptureHeader(
        what=f"simulated: {scenario.title}",
        origin=f"scenario {scenario.name}, seed {scenario.seed}",
        licence="as the captures it was made from",
        made_by="agw simulate",
        layout=LAYOUT_ID,
        sensor=serial,
        full_scale_db=FULL_SCALE_DB,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise GatewayError(f"cannot make this folder: {problem.strerror}", where=str(folder)) from problem
