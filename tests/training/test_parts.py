"""Parts by source: fixed, disjoint, and the report part under lock."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.training.synthetic import KINDS, write_data
from training.labels import target_of
from training.licences import permissive
from training.manifest import Clip, read_manifest
from training.parts import CAPTURE_QUOTA, PARTS, SHARES, assign, clips_of, load_parts, main


def _clip(source: str, label: str = "gunshot", dur_s: float = 2.0, **changes: str) -> Clip:
    given = {
        "effort": "",
        "licence": "none stated",
        "redistributable": "unknown",
        "label_conf": "high",
    } | changes
    return Clip(
        path=f"audio/x/{source}.opus",
        dataset="x",
        dur_s=dur_s,
        source_id=source,
        label=label,
        detail="",
        band_hz=8000.0,
        **given,
    )


def test_every_label_with_three_sources_is_in_every_part() -> None:
    clips = [_clip(f"{label}{n}", label) for label in ("gunshot", "rain", "speech") for n in range(3)]
    part_of = assign(clips)
    for label in ("gunshot", "rain", "speech"):
        assert {part_of[clip.source_id] for clip in clips if clip.label == label} == set(SHARES)


def test_the_shares_are_kept_in_minutes() -> None:
    clips = [_clip(f"s{n}", dur_s=1.0 + n % 7) for n in range(400)]
    part_of = assign(clips)
    total = sum(clip.dur_s for clip in clips)
    for part, share in SHARES.items():
        own = sum(clip.dur_s for clip in clips if part_of[clip.source_id] == part)
        assert own / total == pytest.approx(share, abs=0.03)


def test_a_source_with_many_clips_and_labels_is_in_one_part() -> None:
    clips = [_clip("one", label) for label in ("speech", "shout", "rain")] + [
        _clip(f"s{n}") for n in range(9)
    ]
    assert set(assign(clips)) == {"one", *(f"s{n}" for n in range(9))}


def test_a_given_part_is_never_changed_and_new_sources_get_one() -> None:
    first = assign([_clip(f"s{n}") for n in range(20)])
    later = assign([_clip(f"s{n}") for n in range(40)], first)
    assert {source: later[source] for source in first} == first
    assert len(later) == 40


def test_the_same_manifest_gives_the_same_parts_in_any_order() -> None:
    clips = [_clip(f"s{n}", ("rain", "gunshot")[n % 2]) for n in range(50)]
    assert assign(clips) == assign(clips[::-1])


def test_captures_come_from_permissive_sources_only() -> None:
    clips = [_clip(f"free{n}", licence="CC0", redistributable="yes") for n in range(10)]
    clips += [_clip(f"not{n}") for n in range(10)]
    captures = {source for source, part in assign(clips).items() if part == "captures"}
    assert len(captures) == CAPTURE_QUOTA["gunshot"]
    assert all(source.startswith("free") for source in captures)


@pytest.mark.parametrize(
    ("licence", "redistributable", "expected"),
    [
        ("CC0", "yes", True),
        ("CC0 1.0 (freesound, somebody)", "yes", True),
        ("CC BY 4.0 (freesound, somebody)", "yes", True),
        ("CC-BY (freesound 1, x); ESC-10 as a whole CC BY 3.0", "yes", True),
        ("Apache-2.0", "yes", True),
        ("CC0", "unknown", False),
        ("CC-BY-SA-3.0", "yes", False),
        ("CC BY-NC 3.0", "nc", False),
        ("CC BY-SA 4.0 (repo)", "yes", False),
        ("CC-BY-SA-3.0/CC-BY-3.0", "yes", False),
        ("GPL-3.0 app; sounds CC0/CC BY per its credits", "yes", False),
        ("Sampling Plus 1.0 (freesound, x)", "yes", False),
        ("none stated", "unknown", False),
    ],
)
def test_permissive_terms(licence: str, redistributable: str, expected: bool) -> None:
    assert permissive(_clip("s", licence=licence, redistributable=redistributable)) is expected


def test_the_report_part_needs_an_explicit_word() -> None:
    clips = [_clip("a"), _clip("b")]
    part_of = {"a": "report", "b": "train"}
    with pytest.raises(PermissionError, match="final report"):
        clips_of(clips, part_of, ["train", "report"])
    assert clips_of(clips, part_of, ["train"]) == [clips[1]]
    assert clips_of(clips, part_of, ["report"], read_report=True) == [clips[0]]
    with pytest.raises(ValueError, match="no such part"):
        clips_of(clips, part_of, ["trian"])


def test_the_committed_table_names_each_source_once_and_only_real_parts() -> None:
    part_of = load_parts()
    assert set(part_of.values()) == set(PARTS)
    counts = defaultdict(int)
    for part in part_of.values():
        counts[part] += 1
    assert counts["report"] > 0.15 * len(part_of)


def test_the_command_writes_a_table_and_reads_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, table = write_data(tmp_path / "data", sources=5), tmp_path / "parts.csv"
    assert main(["--data", str(data), "--table", str(table)]) == 1
    assert main(["--data", str(data), "--table", str(table), "--write"]) == 0
    assert main(["--data", str(data), "--table", str(table)]) == 0
    assert set(load_parts(table)) == {clip.source_id for clip in read_manifest(data)}
    assert "gunshot" in capsys.readouterr().out


def test_a_manifest_line_without_a_field_is_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "manifest.jsonl").write_text('{"path": "a.opus"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"manifest\.jsonl:1: field 'dataset' is missing"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("label", "changes", "target"),
    [
        ("shout", {"effort": "high"}, "shout"),
        ("shout", {"effort": "low"}, None),
        ("angry_speech", {"effort": "high"}, "shout"),
        ("angry_speech", {"effort": "low"}, None),
        ("scream", {"effort": "high"}, "scream"),
        ("scream", {"effort": ""}, "scream"),
        ("scream", {"effort": "low"}, None),
        ("explosion", {}, "gunshot"),
        ("glass_break", {}, "glass_break"),
        ("glass_break", {"label_conf": "suspect"}, None),
        ("happy_speech", {"effort": "low"}, "speech"),
        ("happy_speech", {"effort": "high"}, None),
        ("speech", {"effort": "high"}, None),
        ("fear_speech", {"effort": "high"}, None),
        ("fight", {}, None),
        ("cheer_crowd", {"effort": "high"}, "cheer_crowd"),
        ("applause", {}, "cheer_crowd"),
        ("fireworks", {}, "fireworks_thunder"),
        ("other", {}, "other"),
    ],
)
def test_what_counts_as_what(label: str, changes: dict[str, str], target: str | None) -> None:
    assert target_of(_clip("s", label, **changes)) == target


def test_the_made_data_is_used_whole(tmp_path: Path) -> None:
    clips = read_manifest(write_data(tmp_path, sources=1))
    assert {target_of(clip) for clip in clips} == set(KINDS)
