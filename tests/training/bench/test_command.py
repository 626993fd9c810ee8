"""The command from clips to page, on synthetic sound: two detectors, few mixtures, responses given."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.synthetic import write_data
from training.bench.__main__ import _arguments, main, results_of
from training.bench.console import console
from training.bench.detector import parse_name
from training.bench.ours import load
from training.bench.report import page
from training.manifest import read_manifest

DETECTORS = ("loud=tests.training.bench.loudness_detector", "ours=training.bench.ours:default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write_data(folder / "data", clips=2)
    (folder / "work").mkdir()
    response = np.exp(-np.arange(800) / 100.0)
    np.savez(folder / "work" / "responses.npz", **{"000|square|10.0": response, "001|room|3.0": response})
    with (folder / "parts.csv").open("w", newline="") as stream:
        rows = {(clip.source_id, "tune") for clip in read_manifest(folder / "data")}
        csv.writer(stream).writerows([("source_id", "part"), *sorted(rows)])
    return folder


def command(folder: Path, *more: str) -> list[str]:
    places = ["--data", str(folder / "data"), "--work", str(folder / "work"), "--out", str(folder / "out")]
    amounts = ["--rare", "1", "--street", "1", "--parts", str(folder / "parts.csv")]
    return [*places, *amounts, *more]


def test_from_clips_to_page(folder: Path) -> None:
    args = _arguments().parse_args(command(folder, "--detectors", *DETECTORS))
    named = [parse_name(text) for text in DETECTORS]
    results = results_of(args, named, read_manifest(folder / "data"))
    assert json.loads(json.dumps(results))["sets"]["rare"]["recordings"] == 16
    assert results["detectors"]["ours"]["alerts"]["hours"] == pytest.approx(1 / 6, abs=0.01)
    assert set(results["settings"]) == {"loud", "ours"}
    assert results["comparison"]["ours"]["loud"]["f1_by_threshold"].keys() == {
        "ours",
        "rival",
        "rival_minus_ours",
    }
    assert results["models"] == {"ours": load("default").fingerprint}
    assert results["comparison"]["ours"].keys() == {"loud"}
    text = page(results)
    for heading in (
        "What was aimed for",
        "What was played",
        "Street soundscapes",
        "False alarms by kind of sound",
        "Voices",
    ):
        assert f"## {heading}" in text
    assert "not shown" in text
    assert "loud" in console(results)


def test_the_report_is_refused_without_a_word_and_without_thresholds(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only_ours = command(folder, "--part", "report", "--detectors", DETECTORS[1])
    assert main(only_ours) == 2
    assert "read_report" in capsys.readouterr().err
    elsewhere = [*command(folder, "--part", "report", "--read-report", "--detectors", DETECTORS[0])]
    elsewhere[elsewhere.index("--work") + 1] = str(tmp_path)
    assert main(elsewhere) == 2
    assert "run --part tune" in capsys.readouterr().err


def test_thresholds_alone_are_kept_and_never_from_the_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = command(folder, "--only-thresholds", "--detectors", DETECTORS[0])
    assert main(only) == 0
    said = json.loads(capsys.readouterr().out)
    assert json.loads((folder / "work" / "thresholds.json").read_text())["loud"] == said["loud"]
    assert not (folder / "out").exists()
    assert main([*only, "--part", "report", "--read-report"]) == 2
    assert "part tune alone" in capsys.readouterr().err


def test_no_detector_is_a_clear_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, "--detectors", "yamnet")) == 2
    assert "NAME=MODULE" in capsys.readouterr().err
