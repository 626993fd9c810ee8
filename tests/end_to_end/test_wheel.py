"""The wheel, installed somewhere else: it brings its data and does not lean on the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, Command
from tests.architecture.source_tree import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by pip, which fetches the build backend as it does for anyone."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`agw` in a fresh environment. The libraries it needs come from this one; our own code must not."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    install = [*PIP, "install", "--quiet", "--no-deps", "--no-compile", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    # Only the folder, without its .pth files: an editable install of the checkout there stays unseen.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def agw(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    script = "import sys; from gateway.cli import main; sys.exit(main())"
    return subprocess.run(
        [str(installed / "bin" / "python"), "-c", script, *arguments],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    information = f"aggression_gateway-{VERSION}.dist-info"
    assert tops == {"gateway", "firmware_bridge", "dsp", "control_room", information}
    assert "gateway/_config/gateway.example.toml" in names
    assert any(name.startswith("gateway/_config/models/") and name.endswith(".tflite") for name in names)
    assert any(name.startswith("gateway/_config/captures/") for name in names)


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    script = "import gateway, gateway.resources; print(gateway.__file__, gateway.resources.config_root())"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(installed / "bin" / "python"), "-c", script],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [path.startswith(str(installed)) for path in done.stdout.split()] == [True, True], done.stdout


def test_version_and_example(installed: Path) -> None:
    assert agw(installed, "--version").stdout == f"agw {VERSION}\n"
    example = agw(installed, "config", "--example")
    assert example.stdout == (ROOT / "config" / "gateway.example.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_there(installed: Path, command: Command) -> None:
    name = command.name
    done = agw(installed, name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: agw {name}")


def test_replay_of_a_supplied_capture(installed: Path) -> None:
    (captures,) = installed.glob("lib/python*/site-packages/gateway/_config/captures")
    capture = sorted(captures.glob("*scream*"))[0]
    done = agw(installed, "replay", "--json", str(capture))
    assert done.returncode == 0, done.stderr
    kinds = {json.loads(line)["type"] for line in done.stdout.splitlines()}
    assert "scores" in kinds
    scores = next(json.loads(line) for line in done.stdout.splitlines() if '"scores"' in line)
    assert scores["scores"], "the supplied model did not run"
