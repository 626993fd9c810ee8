"""Windows to scores, and runtimes and model files that are missing or do not fit."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from firmware_bridge.simulator.scenario import Scenario, SensorScript, SoundPlayed
from gateway.classifier import RUNTIMES, Classifier, RuntimeMissingError
from gateway.exit_codes import ExitCode
from gateway.model_package import ModelError, ModelPackage, load_package
from gateway.model_setup import ModelSetup, choose_model
from tests.support.model_folder import ModelFolder
from tests.support.replayed import noise, parsed, write_sound
from tests.support.station_rig import StationRig, world_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "model")


@pytest.fixture
def package(folder: ModelFolder) -> ModelPackage:
    return load_package(
        folder.path, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    )


def some_input(package: ModelPackage, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(package.input_shape, dtype=np.float32)


def test_scores_are_probabilities_by_label(package: ModelPackage) -> None:
    classifier = Classifier(package)
    assert classifier.runtime in [name.partition(".")[0] for name in RUNTIMES]
    assert classifier.window_hops == package.window_hops
    scores = classifier.scores(some_input(package))
    assert tuple(scores.by_label) == package.labels
    assert scores.model_id == package.model_id
    assert all(type(p) is float and 0.0 <= p <= 1.0 for p in scores.by_label.values())


def test_a_window_leaves_nothing_behind(package: ModelPackage) -> None:
    classifier = Classifier(package)
    first = classifier.scores(some_input(package, 1))
    kept = dict(first.by_label)
    classifier.scores(some_input(package, 2))
    assert first.by_label == kept, "scores must not live in the interpreter's memory"
    assert classifier.scores(some_input(package, 1)) == first
    assert Classifier(package).scores(some_input(package, 1)) == first


def test_nothing_heard_and_extremes_give_finite_scores(package: ModelPackage) -> None:
    classifier = Classifier(package)
    for value in (0.0, 1.0, 1.4):
        window = np.full(package.input_shape, value, dtype=np.float32)
        assert all(0.0 <= p <= 1.0 for p in classifier.scores(window).by_label.values())


def test_the_next_runtime_is_taken_where_the_first_is_missing(package: ModelPackage) -> None:
    installed = Classifier(package).runtime
    names = ("no_such_runtime.interpreter", *RUNTIMES)
    assert Classifier(package, runtimes=names).runtime == installed


def test_without_any_runtime_each_is_named_with_what_to_install(package: ModelPackage) -> None:
    with pytest.raises(RuntimeMissingError) as caught:
        Classifier(package, runtimes=("no_such_runtime.interpreter", "nor_this.interpreter"))
    message = str(caught.value)
    assert "no_such_runtime" in message
    assert "nor_this" in message
    assert "pip install 'aggression-gateway[litert]'" in message


def test_a_runtime_that_breaks_as_it_is_loaded_is_passed_over(
    package: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tflite-runtime does under numpy 2."""
    (tmp_path / "broken_one.py").write_text("raise ImportError('numpy.core.multiarray failed to import')\n")
    (tmp_path / "broken_two.py").write_text("None.nothing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert Classifier(package, runtimes=("broken_one", "broken_two", *RUNTIMES)).runtime


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"TFL3",
        b"this is no model",
        bytes(2000),
        struct.pack("<I", 8) + b"TFL3" + bytes(100),
    ],
)
def test_a_file_that_is_no_model(folder: ModelFolder, content: bytes) -> None:
    folder.set_content(content)
    assert "is refused by" in refusal(folder)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_model(folder: ModelFolder, share: float) -> None:
    """Cut where it was made or copied, with its checksum taken afterwards."""
    content = folder.tflite.read_bytes()
    folder.set_content(content[: int(len(content) * share)])
    # tflite-runtime takes some of these for a model of another shape.
    assert "is refused" in refusal(folder)


def refusal(folder: ModelFolder) -> str:
    setup = choose_model(str(folder.path))
    assert setup.classifier is None
    assert isinstance(setup.problem, ModelError)
    assert setup.problem.hint
    assert "model.tflite" in setup.problem.where
    return str(setup.problem)


def test_a_window_of_another_length_than_described(folder: ModelFolder, package: ModelPackage) -> None:
    folder.set("input_shape", f"[{package.window_hops - 1}, {CHANNELS}]")
    message = refusal(folder)
    assert f"(1, {package.window_hops - 1}, {CHANNELS})" in message
    assert f"(1, {package.window_hops}, {CHANNELS})" in message


def test_more_labels_than_outputs(folder: ModelFolder, package: ModelPackage) -> None:
    labels = [*package.labels, "one_more"]
    folder.set("labels", json.dumps(labels))
    message = refusal(folder)
    assert f"(1, {len(labels)})" in message
    assert f"(1, {len(labels) - 1})" in message


def test_none_is_asked_for_and_no_problem() -> None:
    assert choose_model("none") == ModelSetup(None, None)
    assert choose_model("none").thresholds == {}
    assert choose_model("none").model_id is None


def test_a_relative_folder_lies_beside_the_settings(folder: ModelFolder, tmp_path: Path) -> None:
    assert choose_model("model", tmp_path).problem is None
    assert choose_model("model", tmp_path / "elsewhere").problem is not None


def test_the_package_that_comes_along_fits() -> None:
    setup = choose_model("default")
    assert setup.problem is None
    assert setup.model_id
    assert setup.thresholds


_WITHOUT_RUNTIME = """
import sys
for name in ("ai_edge_litert", "tflite_runtime"):
    sys.modules[name] = None  # what the import system does for a package that is not there
from gateway.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_replay_goes_on_without_any_runtime(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", noise(1, 0.5, 60.0))
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_RUNTIME, "replay", "--json", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.OK
    assert "no TensorFlow Lite runtime can be loaded" in done.stderr
    assert "level-only mode" in done.stderr
    assert [(line["mode"], line["scores"]) for line in parsed(done.stdout)] == [("level_only", {})] * 4


def test_the_station_raises_level_alerts_without_a_model(folder: ModelFolder) -> None:
    """What a refused model leaves: levels, and alerts on level that say how they came about."""
    folder.tflite.write_bytes(b"")
    setup = choose_model(str(folder.path))
    assert setup.problem is not None
    rig = StationRig({"SIM-0001": "noord"}, model=setup)
    rig.play(world_of(a_bang_in_the_street()))
    assert [alert.phase.value for alert in rig.kept.alerts] == ["start", "end"]
    for alert in rig.kept.alerts:
        assert alert.mode.value == "level_only"
        assert alert.model_id is None


def a_bang_in_the_street() -> Scenario:
    return Scenario(
        name="test",
        seed=1,
        duration_s=15.0,
        sensors=(SensorScript("SIM-0001", bed=("street",)),),
        sounds=(SoundPlayed(5.0, ("bang",), (("*", 0.0),)),),
    )


def test_scores_need_the_described_shape(package: ModelPackage) -> None:
    classifier = Classifier(package)
    with pytest.raises(ValueError, match="Dimension mismatch"):
        classifier.scores(np.zeros((package.window_hops, CHANNELS - 1), dtype=np.float32))
