"""Vocal effort, not mood: no label, target, text or page sorts what people feel or intend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from gateway.contract import vocabulary, words
from tests.architecture.source_tree import ROOMS, ROOT
from training.labels import LABELS, NEGATIVES, OTHER, POSITIVES, target_of
from training.manifest import Clip

# Stems, English and Dutch, of what a person feels, intends or is said to be.
MOOD = re.compile(
    r"\b(emotion|emotie|mood|stemming|gemoed|anger|angry|boosheid|boos\b|boze\b|woede|rage\b|furious|happy|happiness"
    r"|cheerful|vrolijk|blijdschap|joy(ful|ous)?\b|fear|angst|afraid|panic|paniek|distress|nood\b|sad\b"
    r"|sadness|verdriet|stress(ed)?\b|hostil|vijandig|threat|dreig|bedreig|intent\b|intention|bedoeling|intentie"
    r"|violen|geweld|aggress|agress|drunk|dronken|suspicious|verdacht|frustrat)",
    re.IGNORECASE,
)
# Words that only look like it, and the product's own name.
NOT_MEANT = re.compile(
    r"aggression[-_](gateway|sensor)|aggression/v\d|urn:aggression|aggression sensors|Aggression-sensor"
    r"|shot or bang|intentional"
)
DENIED = re.compile(
    r"\b(never|nothing|not|no|none|nor|without|nobody|nooit|geen|niet|niets|zonder)\b|n't", re.IGNORECASE
)
TEXTS = (".md", ".toml", ".json")


def clip(label: str, effort: str = "", confidence: str = "high") -> Clip:
    return Clip("a/b.opus", "set", 2.0, "s", label, "", confidence, effort, "CC0", "yes", 8000.0)


def sentences(text: str) -> Iterator[str]:
    """Paragraphs cut at full stops; headings, list items and table rows by themselves."""
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*#|]|\d+\.)\s?)", text):
        yield from re.split(r"(?<=[.!?;])\s+", " ".join(paragraph.split()))


def claims(text: str) -> list[str]:
    """Sentences that name a mood or an intent and do not deny it."""
    return [
        sentence
        for sentence in sentences(text)
        if MOOD.search(NOT_MEANT.sub("", sentence)) and not DENIED.search(sentence)
    ]


def product_files() -> list[Path]:
    found = [ROOT / "README.md"]
    for room in (*ROOMS, "config", "deploy"):
        found += [path for path in sorted((ROOT / room).rglob("*"))
                  if path.suffix in (*TEXTS, ".py") and "__pycache__" not in path.parts]  # fmt: skip
    return found


@pytest.mark.parametrize("path", product_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_of_the_product_claims_a_mood(path: Path) -> None:
    assert claims(path.read_text(encoding="utf-8")) == []


def test_every_class_and_label_is_a_sound() -> None:
    names = {*LABELS, OTHER, *(member.value for member in vocabulary.EventClass)}
    for package in (ROOT / "config" / "models").rglob("model.toml"):
        names |= set(tomllib.loads(package.read_text(encoding="utf-8"))["labels"])
    for table in (table for name, table in vars(words).items() if name.endswith("_WORDS")):
        names |= {*table, *(str(text) for texts in table.values() for text in texts)}
    assert {name for name in names if MOOD.search(NOT_MEANT.sub("", name.replace("_", " ")))} == set()


def test_model_cards_say_that_they_know_nothing_of_moods() -> None:
    cards = sorted((ROOT / "config" / "models").rglob("MODEL_CARD.md"))
    assert cards
    for card in cards:
        assert re.search(r"nothing about emotion, mood, intent", card.read_text(encoding="utf-8")), card


def test_labels_of_the_origin_that_name_moods_stay_where_they_are_read() -> None:
    """Other people's data sets have such labels; past `labels.py` there are sounds alone."""
    quoted = re.compile(r"[\"'](angry|happy|fear|sad)_?[a-z]*[\"']")
    for path in sorted((ROOT / "training").rglob("*.py")):
        if path.relative_to(ROOT).as_posix() != "training/labels.py":
            assert not quoted.search(path.read_text(encoding="utf-8")), path


def test_a_loud_voice_counts_by_its_effort_alone() -> None:
    assert target_of(clip("shout", "high")) == "shout"
    for effort in ("low", "medium", ""):
        assert target_of(clip("shout", effort)) is None
        assert target_of(clip("angry_speech", effort)) is None


def test_a_loud_happy_voice_is_neither_positive_nor_negative() -> None:
    for label in ("speech", "happy_speech"):
        assert target_of(clip(label, "high")) is None
        assert target_of(clip(label, "low")) == "speech"


def test_distress_is_no_target() -> None:
    for label, effort in product(("fear_speech", "fight"), ("high", "low", "")):
        assert target_of(clip(label, effort)) is None


@pytest.mark.parametrize("effort", ["high", "low", "medium", ""])
@pytest.mark.parametrize(
    ("label", "target"),
    [
        ("cheer_crowd", "cheer_crowd"),
        ("applause", "cheer_crowd"),
        ("laughter", "laughter"),
        ("children", "children"),
        ("singing", "singing"),
        ("baby_cry", "baby_cry"),
    ],
)
def test_other_loud_voices_are_named_negatives_at_any_effort(label: str, target: str, effort: str) -> None:
    assert target_of(clip(label, effort)) == target
    assert target in NEGATIVES
    assert target not in POSITIVES


@pytest.mark.parametrize(
    "text",
    [
        "The sensor recognises angry people.",
        "score of the emotion",
        "De melding toont de stemming van de groep.",
        "label: fear_speech",
        "Detects aggression in the street.",
        "bedreiging",
    ],
)
def test_a_claim_would_be_found(text: str) -> None:
    assert claims(text)


@pytest.mark.parametrize(
    "text",
    ["It never says what people feel or intend, nor their mood.", "pip install aggression-gateway", "a bang"],
)
def test_denials_and_names_are_no_claims(text: str) -> None:
    assert claims(text) == []
