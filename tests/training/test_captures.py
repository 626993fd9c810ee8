"""Committed captures: made from permissive sources that no network hears, the same every time."""

import json
from pathlib import Path

import pytest

from firmware_bridge.capture import open_capture
from firmware_bridge.simulator.library import load_sounds
from tests.training.synthetic import write_data
from training.captures import Studio, by_label, demo_set, golden_set, silence_set, write, write_set
from training.labels import POSITIVES
from training.manifest import Clip, read_manifest
from training.parts import load_parts

ROOT = Path(__file__).parents[2]
FOLDERS = [
    ROOT / "config" / "captures",
    *(ROOT / "tests" / "captures" / name for name in ("events", "silence")),
]


def _index(folder: Path) -> list[dict]:
    return json.loads((folder / "index.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_index_names_every_file_and_every_source_is_kept_for_captures(folder: Path) -> None:
    index, part_of = _index(folder), load_parts()
    assert {row["file"] for row in index} == {path.name for path in folder.glob("*.agwcap")}
    for row in index:
        assert row["sources"]
        for source in row["sources"]:
            assert part_of[source["source_id"]] == "captures", row["file"]
            assert source["licence"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_capture_reads_whole_and_says_where_it_is_from(folder: Path) -> None:
    loaded = load_sounds(sorted(folder.glob("*.agwcap")))
    assert loaded.problems == ()
    minutes = {Path(row["file"]).stem: row["minutes"] for row in _index(folder)}
    for name, sound in loaded.sounds.items():
        assert len(sound.features) == pytest.approx(minutes[name] * 60 * 8, abs=0.3)
        opened = open_capture(folder / f"{name}.agwcap")
        with opened:
            assert opened.header.sources
            assert opened.header.licence
            assert opened.header.created_utc == ""


def test_the_demonstration_has_several_of_each_event_and_is_small() -> None:
    folder = FOLDERS[0]
    targets = [row["target"] for row in _index(folder)]
    for target in POSITIVES:
        assert targets.count(target) >= 3
    assert targets.count("ambience") >= 4
    assert sum(path.stat().st_size for path in folder.iterdir()) < 500_000


def test_the_captures_for_tests_are_small_and_silence_is_long_enough() -> None:
    assert sum(p.stat().st_size for folder in FOLDERS[1:] for p in folder.iterdir()) < 2_000_000
    assert sum(row["minutes"] for row in _index(FOLDERS[2])) > 15.0


def test_demonstration_and_tests_share_no_event_source() -> None:
    demo, golden = (
        {row["sources"][0]["source_id"] for row in _index(folder) if row["label"] != "ambience"}
        for folder in FOLDERS[:2]
    )
    assert golden
    shared = demo & golden
    # A person whose several bursts carry several labels may appear once under each.
    assert all(source.startswith("emogator") for source in shared)


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", sources=6, clips=2)
    groups = by_label(read_manifest(data))
    for name in ("first", "second"):
        studio = Studio(data)
        made = [*demo_set(studio, groups), *golden_set(studio, groups), *silence_set(studio, groups)]
        write_set(made, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(files) > 20
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_an_event_is_as_loud_as_it_says(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", sources=4)
    groups = by_label(read_manifest(data))
    made = Studio(data).event("x", groups["scream"][0], groups["ambience"][0], 84.0, 55.0)
    row = write(made, tmp_path)
    sound = load_sounds([tmp_path / "x.agwcap"]).sounds["x"]
    onset_hop = int(row["events"][0]["onset_s"] * 8)
    before = [frame.laeq_cdb / 100 + 120.0 for frame in sound.features[4 : onset_hop - 1]]
    during = [frame.laeq_cdb / 100 + 120.0 for frame in sound.features[onset_hop + 1 : onset_hop + 5]]
    assert sum(before) / len(before) == pytest.approx(55.0, abs=1.5)
    assert sum(during) / len(during) == pytest.approx(84.0, abs=1.5)


def test_a_recording_under_other_terms_is_refused(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", sources=4)
    groups = by_label(read_manifest(data))
    restricted = [
        Clip(**{name: getattr(clip, name) for name in Clip.__slots__} | {"licence": "CC BY-NC 4.0"})
        for clip in groups["scream"][0]
    ]
    made = Studio(data).event("x", restricted, groups["ambience"][0], 84.0, 55.0)
    with pytest.raises(ValueError, match="permissively"):
        write(made, tmp_path)
