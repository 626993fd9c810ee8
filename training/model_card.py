"""MODEL_CARD.md of every supplied model, from its `model.toml` and the bench's results.json.

    python -m training.model_card [--models config/models] [--results training/bench/results.json]

Nothing in a card is written by hand. The models stand side by side in each; a model that the bench has not
heard is said to have no figures, whatever other model it has heard.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.bench.markdown import Lines, table
from training.card_figures import figures
from training.check_runtime import INT8
from training.package import TERMS

MODELS = Path(__file__).parents[1] / "config" / "models"
RESULTS = Path(__file__).parent / "bench" / "results.json"
CARD = "MODEL_CARD.md"
THIN_MINUTES = 8.0
THIN_SOURCES = 30
_KINDS = tuple(TERMS.values())

Facts = Mapping[str, Any]


def facts_of(folder: Path) -> Facts:
    """A package's description, with the size of its file and, as `int8`, its 8-bit sister."""
    table_ = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    table_["bytes"] = (folder / table_["file"]).stat().st_size
    if (folder / INT8 / "model.toml").exists():
        table_["int8"] = facts_of(folder / INT8)
    return table_


def card(facts: Facts, others: Sequence[Facts], results: Mapping[str, Any] | None) -> str:
    """The card's text. others: the other supplied models; results: the bench's, or None."""
    lines = [
        f"# Model card: {facts['id']}",
        "",
        "Made by `python -m training.model_card`; do not edit.",
        "",
        "## What it is",
        *_what(facts),
        "## What it is for",
        "",
        "Pointing a person in a control room to a sound that may need attention: a voice of high vocal "
        "effort, a scream, breaking glass, a shot or explosion, near an outdoor or indoor sensor. A person "
        "decides.",
        "",
        "## What it must not be used for",
        "",
        "- It says nothing about emotion, mood, intent, identity or language, and was not trained to. "
        "`shout` means a voice of high vocal effort, whatever the reason: a goal, a market stall, a call "
        "across the street are shouts.",
        "- Not as evidence, not for acting without a person, not for counting, following or ranking people.",
        "- Not for measuring levels: it is blind to absolute level by construction.",
        "- Not with sensors of another feature layout, and not with its thresholds in another product.",
        "",
        "## What it was trained on",
        *_sound(facts),
        "## Licences of that sound",
        *_licences(facts),
        "## Figures",
        *figures(facts["id"], [one["id"] for one in others], results),
        "## In 8 bits",
        *_int8(facts.get("int8")),
        "## Thresholds",
        "",
        "On "
        + facts["training"]["thresholds_by"]
        + ": "
        + ", ".join(f"{label} {value}" for label, value in facts["thresholds"].items())
        + ". No sound of that part trained a model. The probabilities are calibrated for one window in ten "
        "holding the sound; in a street it is far less.",
        "",
        "## Known limits",
        *_limits(facts),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _what(facts: Facts) -> Lines:
    hops, channels = facts["input_shape"]
    training = facts["training"]
    return [
        "",
        f"A small convolutional network ({training['parameters']} parameters, {facts['bytes']} bytes in "
        f"float32, {training['mmac_per_s']} million multiplications a second of sound) that looks at the "
        f"last "
        f"{hops} feature frames of one sensor ({hops / 8:.1f} s, 8 frames a second, feature layout "
        f"{facts['layout']}, {channels} channels a frame) and gives a probability for each of "
        f"{len(facts['labels'])} kinds of sound: {', '.join(facts['labels'])}. A score says that the "
        f"sound was "
        "there in about the last half second.",
        "",
        f"`{', '.join(facts['positives'])}` raise alerts. The others are named so that they are told apart "
        "from them; they are not accurate enough to be used by themselves.",
        "",
    ]


def _sound(facts: Facts) -> Lines:
    training = facts["training"]
    terms = training.get("licences_by_class", {})
    kinds = [kind for kind in _KINDS if any(kind in row for row in terms.values())]
    rows = [
        (name, row["clips"], row["minutes"], row["sources"], *(terms.get(name, {}).get(k, 0) for k in kinds))
        for name, row in training["clips"].items()
    ]
    return [
        *table(("sound", "clips", "minutes", "sources", *(f"min {kind}" for kind in kinds)), rows),
        f"Thin (under {THIN_MINUTES:.0f} minutes or {THIN_SOURCES} sources): "
        f"{', '.join(thin(facts)) or 'none'}. "
        f"Not in it at all: {', '.join(missing(facts)) or 'none'}. What was not there cannot be shown.",
        "",
        "Beside the clips: mixtures of events with ambience and other sounds at -5 to 20 dB, with random "
        "equalisers, room responses, narrow bands and lost frames. Hard negatives were drawn more often.",
        "",
    ]


def thin(facts: Facts) -> list[str]:
    """Kinds of sound with little training sound."""
    rows = facts["training"]["clips"].items()
    return [name for name, row in rows if row["minutes"] < THIN_MINUTES or row["sources"] < THIN_SOURCES]


def missing(facts: Facts) -> list[str]:
    """Labels without any training sound."""
    return [label for label in facts["labels"] if label not in facts["training"]["clips"]]


def _licences(facts: Facts) -> Lines:
    licences = facts["training"]["licences"]
    rows = [(name, row["clips"], row["minutes"], row["datasets"]) for name, row in licences.items()]
    lines = table(("terms", "clips", "minutes", "data sets"), rows)
    if set(licences) <= {TERMS["yes"]}:
        return [
            *lines,
            "All of it is marked redistributable, share-alike terms (CC BY-SA, GPL) among it.",
            "",
        ]
    return [
        *lines,
        "So this model contains non-commercial and unlicensed sources. Whether it may be used in a "
        "product is "
        "a question for the operator's lawyer. The model `open` was trained on redistributable sound alone; "
        "its figures stand beside these.",
        "",
    ]


def _int8(facts: Facts | None) -> Lines:
    if facts is None or "agreement" not in facts:
        return ["", "There is no 8-bit file.", ""]
    agreed = facts["agreement"]
    rows = [
        (
            label,
            f"{row['found_float32']} / {row['found_int8']} of {row['events']}",
            f"{row['alarms_float32']} / {row['alarms_int8']} of {row['others']}",
            row["decided_otherwise"],
        )
        for label, row in agreed["decided"].items()
    ]
    return [
        "",
        f"`{facts['id']}` ({facts['bytes']} bytes) computes in 8-bit integers. On all {agreed['clips']} "
        f"clips "
        f"({agreed['windows']} windows) of the part tune its scores of the four classes differ from "
        f"float32 by "
        f"{agreed['mean_difference']:.4f} in the mean, {agreed['largest_difference']:.2f} at most. Clips "
        f"decided "
        "by the default rules, float32 / 8 bits:",
        *table(("class", "found", "alarms on other clips", "decided otherwise"), rows),
    ]


def _limits(facts: Facts) -> Lines:
    scarce = ", ".join([*thin(facts), *missing(facts)]) or "none"
    return [
        "",
        "- **No sound above 8 kHz.** All training sound is sampled at 16 kHz and much of it ends earlier. A "
        "live sensor's 8 and 10 kHz bands are not given to the model. Their sound is in the levels of the "
        "whole range; what that does to scores was measured: `training/ABOVE_8KHZ.md`.",
        "- **No sound of this product's sensors**: recordings of telephones, studios, games and sound apps, "
        "none from a sensor of this product in a street.",
        "- **Labels were checked by proxy, not by ear.** Whether a voice was loud was judged by the tilt of "
        "its spectrum. Adults who really shout are rare in it (three men ranting, acted sentences, vocal "
        "bursts, telephones).",
        "- **Languages, ages and pitches** are few: what is known is in the tables above, what is not there "
        "is not shown. Voices of children and of old people are hardly in it as events.",
        f"- **Thin or missing kinds**: {scarce}; car alarms, crowds and door slams rest on few recordings.",
        "- **Few independent minutes**: one false alarm a sensor-week cannot be shown with them.",
        "",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.model_card", description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    results = json.loads(args.results.read_text(encoding="utf-8")) if args.results.exists() else None
    folders = sorted(path.parent for path in args.models.glob("*/model.toml"))
    described = [facts_of(folder) for folder in folders]
    for folder, own in zip(folders, described, strict=True):
        others = [one for one in described if one["id"] != own["id"]]
        (folder / CARD).write_text(card(own, others, results), encoding="utf-8")
        print(f"{folder / CARD}: {own['id']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
