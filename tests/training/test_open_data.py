"""The data directory for the model of redistributable sound: nothing else is in it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.training.synthetic import write_data
from training.manifest import audio_path, read_manifest
from training.open_data import open_data


def test_only_what_is_marked_redistributable_is_in_it(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", sources=4)
    manifest = data / "train" / "manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["redistributable"] = ("yes", "nc", "unknown", "no", "unclear")[number % 5]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    responses = [
        {"path": "set/a.flac", "redistributable": "yes"},
        {"path": "set/b.flac", "redistributable": "nc"},
    ]
    (data / "ir" / "set").mkdir(parents=True)
    (data / "ir" / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in responses))
    for row in responses:
        (data / "ir" / row["path"]).write_bytes(b"")

    clips, kept = open_data(data, tmp_path / "open")

    made = read_manifest(tmp_path / "open")
    assert len(made) == clips == len([row for row in rows if row["redistributable"] == "yes"])
    assert {clip.redistributable for clip in made} == {"yes"}
    assert all(audio_path(tmp_path / "open", clip).is_file() for clip in made)
    assert kept == 1
    assert [path.name for path in (tmp_path / "open" / "ir").glob("*/*.flac")] == ["a.flac"]


def test_it_can_be_made_again_and_without_room_responses(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", sources=2)
    first = open_data(data, tmp_path / "open")
    assert open_data(data, tmp_path / "open") == first
    assert first[1] == 0
