"""RESULTS.md of the leak test, from results.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from training.leak.verdict import leaving, verdict
from training.leak.wording import (
    CONTROL_AT_MOST,
    GOAL_EQUAL_ERROR,
    GOAL_ERROR,
    KNOWLEDGE,
    THINNER,
    chance,
    number,
    share,
    table,
)

_HEARD = {
    "clean": "the speech itself",
    "control": "10 ms log mel, sound made of it directly (positive control)",
    "control_network": "10 ms log mel through the attacker's network (positive control)",
    "wire": "**our stream, 8 a second**",
    "wire_shuffled_in_time": "our stream, hops in any order",
    "wire_of_another_sentence": "our stream, of another sentence",
}
_STREAMS = {
    "mel_10ms": "10 ms log mel (control)",
    "wire": "**our stream** (wire, capture)",
    "timeline": "timeline of an alert",
    "telemetry": "telemetry on disk",
    "wire_shuffled_in_time": "our stream, hops in any order",
    "wire_wrong_labels": "our stream, attacker taught wrong labels (chance)",
    "mel_50ms": "50 ms log mel (control)",
    "wire_octaves": "our stream, bands in octaves",
    "wire_bands_4_a_second": "our stream, bands 4 a second",
    "wire_all_4_a_second": "our stream, all fields 4 a second",
    "wire_redrawn": "**our stream**, 10 ms log mel drawn of it by the network",
    "wire_octaves_redrawn": "bands in octaves, redrawn",
    "wire_bands_4_a_second_redrawn": "bands 4 a second, redrawn",
    "wire_all_4_a_second_redrawn": "all fields 4 a second, redrawn",
    "wire_wrong_names": "our stream, wrong names (chance)",
}


def page(results: Mapping[str, Any]) -> str:
    """The whole page; a part that was not run says so."""
    parts = {
        "rebuild": _rebuilt,
        "coarser": _coarser,
        "phrases": _phrases,
        "words": _words,
        "speakers": _speakers,
    }
    lines = [
        "# How much speech is in the stream: results",
        "",
        "Written by `python -m training.leak`; do not edit. What is measured and how: [README](README.md).",
        "Brackets: 95 % intervals.",
    ]
    lines += ["", *verdict(results), "", *leaving(results)]
    for name, write in parts.items():
        lines += ["", *(write(results[name]) if name in results else [f"Part `{name}` has not been run."])]
    return "\n".join([*lines, ""])


def _rebuilt(found: Mapping[str, Any]) -> Iterable[str]:
    rows, compared = found["rows"], found["wire_compared"]
    yield "## Speech made of the stream again, and a recogniser's word error rate"
    yield ""
    yield (
        f"{found['sentences']} sentences ({found['words']} words) by three voices that the attacker has "
        "not "
        f"heard; he learnt from {found['attacker_minutes']} minutes of other voices. Columns: what the "
        "recogniser knows."
    )
    yield from table(
        ("heard", *KNOWLEDGE.values(), "STOI"),
        [
            (_HEARD[name], *(share(row[known]) for known in KNOWLEDGE), number(row["stoi"]))
            for name, row in rows.items()
        ],
    )
    yield ""
    for known, name in KNOWLEDGE.items():
        value = rows["wire"][known]["value"]
        verdict = "met" if value >= GOAL_ERROR else "**missed**"
        tests = compared[known]
        yield (
            f"- Knowing {name}: goal of {GOAL_ERROR:.0%} {verdict} ({value:.1%}); "
            f"{tests['sentences_quite_right']} of {found['sentences']} sentences quite right; "
            f"against hops in any order p = {chance(tests['against_shuffled_p'])}, "
            f"against another sentence p = {chance(tests['against_another_sentence_p'])}."
        )
    worst = max(rows[name]["sentences"]["value"] for name in ("control", "control_network"))
    works = "works" if worst <= CONTROL_AT_MOST else "DOES NOT WORK"
    yield f"- Control: at most {worst:.1%} wrong (asked for: {CONTROL_AT_MOST:.0%}): the attack {works}."
    yield ""
    yield "Examples from our stream:"
    yield from table(
        ("said", "heard, knowing the sentences", "heard, knowing English"),
        [tuple(text or "(nothing)" for text in example) for example in found["examples"]],
    )


def _coarser(found: Mapping[str, Any]) -> Iterable[str]:
    yield "## The same attack on thinner streams, and on the control at lower rates"
    yield ""
    yield "The recogniser knows the very sentences; chance: it hears another sentence's sound."
    yield from table(
        ("stream", "word error rate", "chance", "STOI"),
        [
            (
                THINNER.get(name, name.replace("_", " ")),
                share(row["sentences"]),
                share(row["chance"]),
                number(row["stoi"]),
            )
            for name, row in found.items()
        ],
    )


def _phrases(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Which of {found['sentences']} known sentences, from the stream itself"
    yield ""
    yield (
        f"The attacker speaks each sentence in {found['voices']} voices of his own and takes the nearest "
        "stream "
        "(dynamic time warping). One trial a sentence, in three voices not his; chance "
        f"{found['chance']:.1%}; our "
        f"stream against hops in any order p = {chance(found['wire_against_shuffled_p'])}. Scores in "
        "timeline and "
        f"telemetry: model `{found['model']}`."
    )
    yield from table(
        ("stream", "sentences told right", "word error rate of what was told"),
        [
            (_STREAMS[name], share(row["right"]), share(row["word_errors"]))
            for name, row in found["streams"].items()
        ],
    )


def _words(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Which of {found['words']} words, from the stream itself"
    yield ""
    yield (
        f"{found['trials']} trials in three voices not heard before; chance {found['chance']:.0%}; "
        f"our stream against wrong labels p = {chance(found['wire_against_wrong_labels_p'])}. "
        f"Scores in timeline and telemetry: model `{found['model']}`."
    )
    yield from table(
        ("stream", "told right"), [(_STREAMS[name], share(row)) for name, row in found["right"].items()]
    )


def _speakers(found: Mapping[str, Any]) -> Iterable[str]:
    sets = ", ".join(f"{name} {count}" for name, count in found["datasets"].items())
    yield "## Is it the same person"
    yield ""
    yield (
        f"{found['people']} people, {found['recordings']} recordings ({sets}; parts train and "
        "tune), pairs within one data set, people the attacker has not met. Equal error rate: 50 % is "
        "chance; the goal for what is kept is "
        f"at least {GOAL_EQUAL_ERROR:.0%}. Scores: model `{found['model']}`."
    )
    yield from table(
        ("stream", "equal error rate", "goal"),
        [
            (_STREAMS[name], share(row), "met" if row["value"] >= GOAL_EQUAL_ERROR else "missed")
            for name, row in found["equal_error_rate"].items()
        ],
    )
