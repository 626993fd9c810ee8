"""No supplied model gets worse on the regression set, and none changes without its figures being recorded."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_bridge.capture import open_capture
from gateway.decisions.rules import rules_for
from gateway.model_setup import DEFAULT_PACKAGE
from gateway.replay import ReplaySetup
from tests.regression.__main__ import MODELS, main, packages
from tests.regression.gate import worse
from tests.regression.history import Entry, last, read, unaccepted, write
from tests.regression.measure import CAPTURES, figures_of, set_digest, setup_of
from training.labels import NEGATIVES, POSITIVES
from training.parts import load_parts

#: The 8-bit baselines are those of ai-edge-litert; the other runtime rounds its own way (test_runtimes.py).
MEASURED = [name for name in packages() if "int8" not in name or importlib.util.find_spec("ai_edge_litert")]
#: No recording of these is marked redistributable under permissive terms.
NOT_CARRIED = {"children", "cough", "singing"}
RENEW = 'python -m tests.regression --reason "..." (see tests/regression/README.md)'


def baseline(package: str) -> Entry:
    entry = last(read(), package)
    assert entry is not None, f"{package} has no baseline: {RENEW}"
    return entry


@pytest.mark.parametrize("package", packages())
def test_every_model_has_its_figures_recorded(package: str) -> None:
    content = (MODELS / package / "model.tflite").read_bytes()
    entry = baseline(package)
    assert entry.sha256 == hashlib.sha256(content).hexdigest(), f"{package} is another model now: {RENEW}"
    assert entry.replay_set == set_digest(), f"the captures have changed: {RENEW}"


@pytest.mark.parametrize("package", MEASURED)
def test_nothing_got_worse(package: str) -> None:
    entry = baseline(package)
    problems = worse(entry.figures, figures_of(setup_of(MODELS / package)))
    assert not problems, f"worse than {entry.model_id} of {entry.date}: {json.dumps(problems, indent=1)}"


def test_whatever_got_worse_in_the_past_was_accepted_by_name_and_with_a_reason() -> None:
    entries = read()
    assert unaccepted(entries) == []
    assert all(len(entry.reason) >= 15 for entry in entries)


def test_the_set_holds_every_kind_that_permissive_recordings_carry() -> None:
    assert set(baseline(DEFAULT_PACKAGE).figures) == {*POSITIVES, *NEGATIVES, "other"} - NOT_CARRIED


def test_every_recording_is_named_permissive_and_kept_out_of_training() -> None:
    index, part_of = json.loads((CAPTURES / "index.json").read_text(encoding="utf-8")), load_parts()
    assert {row["file"] for row in index} == {path.name for path in CAPTURES.glob("*.agwcap")}
    for row in index:
        with open_capture(CAPTURES / row["file"]) as opened:
            assert len(opened.header.sources) == len(row["events"]) + 1
            for source in opened.header.sources:
                assert part_of[source.source_id] == "captures"
                assert not {"NC", "SA", "ND", "GPL"} & set(source.licence.replace("-", " ").split())
    assert sum(path.stat().st_size for path in CAPTURES.iterdir()) < 2_000_000


def test_a_model_that_fires_too_easily_is_caught_by_name() -> None:
    """The check can fail: the same model with low thresholds."""
    setup = setup_of(MODELS / DEFAULT_PACKAGE)
    low = ReplaySetup(setup.classifier, rules_for(dict.fromkeys(POSITIVES, 0.05)))
    problems = worse(baseline(DEFAULT_PACKAGE).figures, figures_of(low))
    assert "false alarms" in problems["laughter"]


def test_a_model_that_hears_nothing_is_caught_by_name() -> None:
    setup = setup_of(MODELS / DEFAULT_PACKAGE)
    deaf = ReplaySetup(setup.classifier, rules_for(dict.fromkeys(POSITIVES, 1.0)))
    problems = worse(baseline(DEFAULT_PACKAGE).figures, figures_of(deaf))
    assert "events found" in " ".join(problems.values())
    assert set(problems) <= set(POSITIVES)


BEFORE = {"speech": {"clips": 9, "alerts": 1, "near": 2}, "shout": {"events": 9, "found": 5}}


@pytest.mark.parametrize(
    ("kind", "counts", "said"),
    [
        ("speech", {"clips": 9, "alerts": 2, "near": 2}, "2 false alarms, 1 before"),
        ("speech", {"clips": 9, "alerts": 0, "near": 4}, "4 recordings near an alarm, 2 before"),
        ("speech", {"clips": 9, "alerts": 0, "near": 3}, None),
        ("shout", {"events": 9, "found": 4}, "4 of 9 events found, 5 before"),
        ("shout", {"events": 9, "found": 9}, None),
        ("shout", None, "is no longer measured"),
    ],
)
def test_what_counts_as_worse(kind: str, counts: dict[str, int] | None, said: str | None) -> None:
    now = {name: row for name, row in BEFORE.items() if name != kind} | ({kind: counts} if counts else {})
    assert worse(BEFORE, now) == ({} if said is None else {kind: said})


def test_a_step_to_the_worse_needs_its_kind_accepted(tmp_path: Path) -> None:
    first = Entry("p", "a", "0", "set", "2026-01-01", "the first one", (), BEFORE)
    louder = {**BEFORE, "speech": {"clips": 9, "alerts": 3, "near": 2}}
    second = replace(first, model_id="b", figures=louder)
    assert unaccepted([first, second]) == ["b: speech: 3 false alarms, 1 before"]
    assert unaccepted([first, replace(second, accepted=("speech",))]) == []
    assert unaccepted([first, replace(second, replay_set="another")]) == []
    assert unaccepted([first, replace(second, package="q")]) == []
    write([first, second], tmp_path / "h.json")
    assert read(tmp_path / "h.json") == [first, second]


def test_nothing_is_recorded_without_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    before = read()
    assert main(["--reason", "because"]) == 2
    assert "with a reason" in capsys.readouterr().err
    assert read() == before
