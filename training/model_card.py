"""MODEL_CARD.md from the facts of a model package and the results of its cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

THIN_MINUTES = 8.0
THIN_SOURCES = 30


def card(facts: Mapping[str, Any], results: Mapping[str, Any] | None) -> str:
    """The card's text; without results it says that there are none."""
    hops, channels = facts["input_shape"]
    clips = facts["trained_on"]
    thin = [
        name for name, row in clips.items() if row["minutes"] < THIN_MINUTES or row["sources"] < THIN_SOURCES
    ]
    lines = [
        f"# Model card: {facts['id']}",
        "",
        "Made by `training/export.py`; do not edit.",
        "",
        "## What it is",
        f"A small convolutional network ({facts['parameters']} parameters, {facts['bytes']} bytes float32, "
        f"{facts['mmac_per_s']} million multiplications a second of sound) that looks at the last {hops} "
        f"feature frames of one sensor ({hops / 8:.1f} s, 8 frames a second, feature layout "
        f"{facts['layout']}, {channels} channels a frame) and gives a probability for each of "
        f"{len(facts['labels'])} kinds of sound: {', '.join(facts['labels'])}. A score says that the sound "
        "was there in about the last half second.",
        "",
        f"`{', '.join(facts['positives'])}` raise alerts. The others are named so that they are told apart "
        "from them; they are not accurate enough to be used by themselves.",
        "",
        "## What it is for",
        "Pointing a person in a control room to a sound that may need attention: a voice of high vocal "
        "effort, a scream, breaking glass, a shot or explosion, near an outdoor or indoor sensor. A person "
        "decides.",
        "",
        "## What it is not for",
        "- It says nothing about emotion, mood, intent, identity or language, and was not trained to. "
        "`shout` means a loud voice, whatever the reason: a goal, a market stall, a call across the street "
        "are shouts.",
        "- Not for evidence, not for acting without a person, not for counting or following people.",
        "- Not for measuring levels: it is blind to absolute level by construction.",
        "",
        "## What it saw",
        *_rows(
            ("sound", "clips", "minutes", "sources"),
            [(name, row["clips"], row["minutes"], row["sources"]) for name, row in clips.items()],
        ),
        "",
        f"Thin (under {THIN_MINUTES:.0f} minutes or {THIN_SOURCES} sources): {', '.join(thin) or 'none'}. "
        "Fireworks, door slams, car alarms, singing and crowds rest on few recordings; adults who really "
        "shout are rare (three men ranting, acted sentences, vocal bursts, phone recordings), and whether "
        "a voice was loud was judged by the tilt of its spectrum. What was not there cannot be shown.",
        "",
        "All training sound is sampled at 16 kHz. Bands above 6.3 kHz are not given to the model, so what a "
        "sensor hears there cannot change a score. No sound comes from a sensor of this product in a street.",
        "",
        "Beside the clips: mixtures of events with ambience and other sounds at -5 to 20 dB, with random "
        "equalisers, room responses, narrow bands and lost frames. Hard negatives were drawn more often.",
        "",
        "## Licences of the training sound",
        *_rows(
            ("terms", "clips", "minutes", "data sets"),
            [
                (name, row["clips"], row["minutes"], row["datasets"])
                for name, row in facts["licences"].items()
            ],
        ),
        "",
        "So this model contains non-commercial and unlicensed sources. Whether it may be used in a product "
        "is a question for the operator's lawyer; a model trained on redistributable sound alone is to come.",
        "",
        "## Figures",
        *_figures(results),
        "",
        "## Thresholds",
        "From the part `tune`, with the default decision rules: in each class at most one alarm an hour of "
        "hard negatives (clips that each hold such a sound; a street has minutes of them a day) and at most "
        "one an hour of ambience, traffic, wind and rain (there were 35 minutes, so none): "
        + ", ".join(f"{label} {value}" for label, value in facts["thresholds"].items())
        + ". The probabilities are calibrated for one window in ten holding the sound; in a street it is "
        "far less.",
        "",
    ]
    return "\n".join(lines)


def _figures(results: Mapping[str, Any] | None) -> list[str]:
    if results is None:
        return ["No cross-validation has been made for this recipe yet."]
    strict, loose = results["rates_per_hour"]
    rows = [
        (
            row["label"],
            f"{row['auc']:.3f}",
            *(f"{r['value']:.2f} ({r['low']:.2f}-{r['high']:.2f})" for r in row["detection"]),
        )
        for row in results["classes"]
    ]
    return [
        "Cross-validation by source with the same recipe, whole clips, before the decision stage: share of "
        f"clips found at {strict} and {loose} false alarms an hour on hard negatives (95 % interval by "
        "source). More in `training/RESULTS.md`. The final report on unseen sources is still to come.",
        "",
        *_rows(("class", "AUC", f"at {strict}/h", f"at {loose}/h"), rows),
    ]


def _rows(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    lines = ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
