"""Model packages that are missing, damaged or made for something else: each is refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from gateway.contract.words import CLASS_WORDS, LABEL_WORDS, class_word
from gateway.model_package import ModelError, ModelPackage, load_package
from gateway.model_setup import choose_model
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from tests.support.model_folder import ModelFolder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "model")


def load(path: Path) -> ModelPackage:
    return load_package(path, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS)


def refusal(path: Path) -> str:
    """What is said of a package; a gateway that is given it goes on without a model, saying the same."""
    with pytest.raises(ModelError) as caught:
        load(path)
    assert caught.value.hint
    assert str(path) in caught.value.where
    setup = choose_model(str(path))
    assert setup.classifier is None
    assert str(setup.problem) == str(caught.value)
    return str(caught.value)


def test_people_read_words_for_every_label_that_a_supplied_model_tells_apart() -> None:
    for name in ("default", "open"):
        classifier = choose_model(name).classifier
        assert classifier is not None
        assert set(classifier.package.labels) <= {*CLASS_WORDS, *LABEL_WORDS}
    assert class_word("fireworks_thunder", "nl") == "vuurwerk of onweer"


def test_the_package_that_comes_along_is_read_as_it_is_described(folder: ModelFolder) -> None:
    package = load(folder.path)
    table = tomllib.loads(folder.toml.read_text())
    assert package.model_id == table["id"]
    assert package.labels == tuple(table["labels"])
    assert package.thresholds == table["thresholds"]
    assert package.tflite_bytes == folder.tflite.read_bytes()
    assert package.input_shape == (package.window_hops, CHANNELS)
    assert set(package.positives) == {"shout", "scream", "glass_break", "gunshot"}
    rules = rules_in_force(DecisionSettings(), package.thresholds)
    assert {name: rule.on_score for name, rule in rules.items()} == dict(package.thresholds)


def test_what_a_later_release_adds_is_ignored(folder: ModelFolder) -> None:
    folder.toml.write_text('future = "yes"\n' + folder.toml.read_text() + "\n[another]\nkey = 1\n")
    assert load(folder.path).positives


def test_a_folder_that_is_missing_or_empty(tmp_path: Path) -> None:
    assert "model.toml is missing" in refusal(tmp_path / "nowhere")
    assert 'or to "none" for level-only mode' in refusal(tmp_path)


def test_a_file_in_place_of_the_folder(folder: ModelFolder) -> None:
    assert "cannot be read: Not a directory" in refusal(folder.tflite)


def test_a_model_file_that_is_missing_or_a_folder(folder: ModelFolder) -> None:
    folder.tflite.unlink()
    assert "the model file cannot be read: No such file" in refusal(folder.path)
    folder.tflite.mkdir()
    assert "the model file cannot be read: Is a directory" in refusal(folder.path)


@pytest.mark.parametrize("content", [b"id = ", b"\xff\xfe", b"[thresholds\n", b"id = 1\nid = 2\n"])
def test_a_description_that_is_not_toml(folder: ModelFolder, content: bytes) -> None:
    folder.toml.write_bytes(content)
    assert "is not TOML" in refusal(folder.path)


@pytest.mark.parametrize(
    "key", ["id", "file", "layout", "model_input_version", "input_shape", "labels", "positives"]
)
def test_a_key_that_is_missing(folder: ModelFolder, key: str) -> None:
    folder.set(key, None)
    assert f"lacks or mistypes '{key}'" in refusal(folder.path)


def test_missing_thresholds(folder: ModelFolder) -> None:
    folder.set_thresholds("")
    assert "lacks or mistypes 'thresholds'" in refusal(folder.path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "7"),
        ("id", '""'),
        ("file", "7"),
        ("layout", '"1"'),
        ("layout", "1.5"),
        ("layout", "true"),
        ("model_input_version", '"one"'),
        ("input_shape", "20"),
        ("input_shape", "[20]"),
        ("input_shape", "[20, 54, 1]"),
        ("input_shape", '["20", "54"]'),
        ("labels", '"shout"'),
        ("labels", "[1, 2]"),
        ("positives", "{shout = 1}"),
        ("positives", "3"),
    ],
)
def test_a_key_of_another_kind(folder: ModelFolder, key: str, value: str) -> None:
    folder.set(key, value)
    assert "lacks or mistypes" in refusal(folder.path)


@pytest.mark.parametrize("line", ['shout = "high"', "shout = [0.5]", "shout = {on = 0.5}"])
def test_thresholds_that_are_no_numbers(folder: ModelFolder, line: str) -> None:
    folder.set_thresholds(f"{line}\nscream = 0.5\nglass_break = 0.5\ngunshot = 0.5")
    assert "lacks or mistypes" in refusal(folder.path)


@pytest.mark.parametrize("value", ["0.0", "-0.2", "1.01", "nan", "inf"])
def test_thresholds_that_are_no_probabilities(folder: ModelFolder, value: str) -> None:
    folder.set_thresholds(f"shout = 0.5\nscream = {value}\nglass_break = 0.5\ngunshot = 0.5")
    assert f"its threshold of scream is {float(value)}, not 0.001 to 1" in refusal(folder.path)


@pytest.mark.parametrize("value", ["2", "0", '"1"', None])
def test_another_schema(folder: ModelFolder, value: str | None) -> None:
    folder.set("schema", value)
    # A description of another schema may lack anything else; that is not what is wrong with it.
    folder.set("labels", None)
    assert "this gateway reads 1" in refusal(folder.path)


def test_a_model_file_that_is_not_the_described_one(folder: ModelFolder) -> None:
    content = folder.tflite.read_bytes()
    folder.tflite.write_bytes(content[:-1])
    assert "model.tflite does not have the stated sha256" in refusal(folder.path)
    folder.tflite.write_bytes(content)
    folder.set("sha256", None)
    assert "does not have the stated sha256" in refusal(folder.path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("layout", "2", "trained on feature layout 2, sensors here send layout 1"),
        ("model_input_version", "99", "it needs model input 99, this release makes"),
        ("input_shape", "[20, 53]", "its input has shape (20, 53), this release makes 55 channels a hop"),
        ("input_shape", "[0, 55]", "its input has shape (0, 55)"),
        ("input_shape", "[-1, 55]", "its input has shape (-1, 55)"),
        ("positives", '["shout", "scream", "glass_break", "gunshot", "yodel"]', "['yodel'] are not among"),
        ("positives", '["shout"]', "its thresholds do not name exactly its positives"),
    ],
)
def test_what_does_not_fit(folder: ModelFolder, key: str, value: str, said: str) -> None:
    folder.set(key, value)
    message = refusal(folder.path)
    assert said in message
    name = tomllib.loads(folder.toml.read_text())["id"]
    assert f"model {name!r} is refused" in message


def test_a_threshold_too_few_or_too_many(folder: ModelFolder) -> None:
    four = "shout = 0.5\nscream = 0.5\nglass_break = 0.5\ngunshot = 0.5\n"
    folder.set_thresholds(four.replace("scream = 0.5\n", ""))
    assert "its thresholds do not name exactly its positives" in refusal(folder.path)
    folder.set_thresholds(four + "speech = 0.5")
    assert "its thresholds do not name exactly its positives" in refusal(folder.path)


def test_a_model_that_could_never_alert(folder: ModelFolder) -> None:
    folder.set("positives", "[]")
    folder.set_thresholds("# none")
    assert "it has no positives, so it could raise no alert" in refusal(folder.path)


def test_a_positive_that_this_release_has_no_rule_for(folder: ModelFolder) -> None:
    folder.set("positives", '["shout", "speech"]')
    folder.set_thresholds("shout = 0.5\nspeech = 0.5")
    assert "its positives ['speech'] raise no alert in this release" in refusal(folder.path)


@pytest.mark.parametrize(
    "label", ["Shout", "shouting loudly", "9mm", "", "a" * 33, "_x", "schreeuw-hard", "cri_été", "shout\\n"]
)
def test_labels_that_the_contract_does_not_allow(folder: ModelFolder, label: str) -> None:
    folder.set("labels", f'["shout", "scream", "glass_break", "gunshot", "{label}"]')
    message = refusal(folder.path)
    assert "cannot stand in an alert" in message or (label == "" and "lacks or mistypes" in message)


def test_a_label_twice(folder: ModelFolder) -> None:
    folder.set("labels", '["shout", "scream", "glass_break", "gunshot", "speech", "speech"]')
    assert "some of its labels are the same" in refusal(folder.path)


_AS_NOBODY = """
import os, sys
from pathlib import Path
from gateway.model_setup import choose_model
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(choose_model(sys.argv[1]).problem)
"""


@pytest.mark.parametrize("name", ["model.toml", "model.tflite"])
def test_a_package_that_may_not_be_read(name: str) -> None:
    with tempfile.TemporaryDirectory() as outer:
        os.chmod(outer, 0o755)
        folder = ModelFolder(Path(outer) / "model")
        (folder.path / name).chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(folder.path)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert "cannot be read: Permission denied" in done.stdout
    assert name in done.stdout
