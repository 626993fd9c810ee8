"""What the figures of the leak test come to: is the goal met, and by which way out how much is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from training.leak.wording import GOAL_EQUAL_ERROR, GOAL_ERROR, KNOWLEDGE, THINNER, chance, share, table

_LEAVING = {
    "wire": "wire, and captures made by hand (`agw record`)",
    "timeline": "timeline of an alert: MQTT, outbox on disk",
    "telemetry": "telemetry on disk; `level` messages have less",
}


def verdict(results: Mapping[str, Any]) -> Iterable[str]:
    yield "## In short"
    yield ""
    if "rebuild" in results:
        yield from _rebuilt(results["rebuild"])
    if "phrases" in results:
        yield _phrases(results["phrases"])
    if "words" in results:
        yield _words(results["words"])
    if "speakers" in results:
        yield _speakers(results["speakers"])
    if "coarser" in results and "rebuild" in results:
        told = results.get("phrases", {}).get("streams", {})
        yield from _coarser(results["coarser"], results["rebuild"], told)


def leaving(results: Mapping[str, Any]) -> Iterable[str]:
    """Each way out of the gateway's memory with its figures."""
    yield "## What leaves RAM"
    yield ""
    yield (
        "All of it is made of the wire's frames. Alerts otherwise, health, heartbeats and the log carry "
        "single levels and scores, states and counts; no attack was made on them. That nothing else leaves "
        "is tested on every byte of a real run (`tests/privacy`). Known sentences were told from the wire by "
        "the network of `rebuild`, from timeline and telemetry by plain distance alone."
    )
    rows = []
    for name, text in _LEAVING.items():
        word = results.get("words", {}).get("right", {}).get(name)
        phrase = results.get("phrases", {}).get("streams", {}).get(name)
        person = results.get("speakers", {}).get("equal_error_rate", {}).get(name)
        if name == "wire":
            phrase = results.get("phrases", {}).get("streams", {}).get("wire_redrawn", phrase)
        found = (word, phrase and phrase["right"], person)
        rows.append((text, *(share(figure) if figure else "not measured" for figure in found)))
    rows.append(("chance", "5.0%", "0.8%", "50.0%"))
    yield from table(
        ("what", "which of 20 words", "which of 120 known sentences", "same person: equal error rate"), rows
    )


def _rebuilt(found: Mapping[str, Any]) -> Iterable[str]:
    rows, compared = found["rows"], found["wire_compared"]
    missed = [known for known in KNOWLEDGE if rows["wire"][known]["value"] < GOAL_ERROR]
    yield (
        f"- **The goal, a word error rate of at least {GOAL_ERROR:.0%} on speech made of our stream "
        "again, is "
        f"{'missed' if missed else 'met'}**: below it in {len(missed)} of {len(KNOWLEDGE)} cases."
    )
    for known, name in KNOWLEDGE.items():
        wire, shuffled = rows["wire"][known], rows["wire_shuffled_in_time"][known]
        yield (
            f"  - knowing {name}: {share(wire)}, {100 * (shuffled['value'] - wire['value']):.1f} points "
            "below "
            f"{shuffled['value']:.1%}, p = {chance(compared[known]['against_shuffled_p'])}; the control is "
            f"{rows['control_network'][known]['value']:.1%} wrong, the speech itself "
            f"{rows['clean'][known]['value']:.1%}."
        )


def _phrases(found: Mapping[str, Any]) -> str:
    streams = found["streams"]
    tried = [streams[name] for name in ("wire", "wire_redrawn") if name in streams]
    wire = max(tried, key=lambda row: float(row["right"]["value"]))
    shuffled = streams["wire_shuffled_in_time"]["right"]["value"]
    return (
        f"- **Waiting for known sentences, without making sound**: {share(wire['right'])} of "
        f"{found['sentences']} told right from the wire; hops in any order {shuffled:.1%}, chance "
        f"{found['chance']:.1%}, p = {chance(found['wire_against_shuffled_p'])}. As a word error rate: "
        f"{share(wire['word_errors'])}."
    )


def _words(found: Mapping[str, Any]) -> str:
    right = found["right"]
    return (
        f"- **Single words**, one of {found['words']}: {share(right['wire'])} right from the wire, "
        f"{right['timeline']['value']:.1%} from a timeline, {right['telemetry']['value']:.1%} from "
        "telemetry, "
        f"{right['mel_10ms']['value']:.1%} from the control; chance {found['chance']:.0%}."
    )


def _speakers(found: Mapping[str, Any]) -> str:
    rates = found["equal_error_rate"]
    kept = ", ".join(
        f"{name} {rates[name]['value']:.1%} "
        f"({'met' if rates[name]['value'] >= GOAL_EQUAL_ERROR else 'missed'})"
        for name in ("timeline", "telemetry")
    )
    return (
        f"- **Same person?** Equal error rate {share(rates['wire'])} from the wire, "
        f"{rates['mel_10ms']['value']:.1%} from the control, chance 50 %. Goal for what is kept or sent "
        "on, at least "
        f"{GOAL_EQUAL_ERROR:.0%}: {kept}."
    )


def _coarser(found: Mapping[str, Any], rebuilt: Mapping[str, Any], told: Mapping[str, Any]) -> Iterable[str]:
    rows = rebuilt["rows"]
    now = _below(rows["wire"]["sentences"], rows["wire_of_another_sentence"]["sentences"])
    yield (
        "- **What a thinner stream would bring**, knowing the very sentences, in points of word error "
        "rate below "
        f"what another sentence's sound gives. Our stream: {now}{_told(told, 'wire')}."
    )
    for name in (name for name in found if name.startswith("wire")):
        points = _below(found[name]["sentences"], found[name]["chance"])
        yield f"  - {THINNER[name]}: {points}{_told(told, name)}."


def _below(value: Mapping[str, float], other: Mapping[str, float]) -> str:
    points = 100 * (other["value"] - value["value"])
    return f"{points:.1f} points ({value['value']:.1%} against {other['value']:.1%})"


def _told(told: Mapping[str, Any], name: str) -> str:
    row = told.get(f"{name}_redrawn")
    return f"; known sentences told: {row['right']['value']:.1%}" if row else ""
