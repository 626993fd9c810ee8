"""Speech rebuilt from a stream, and how much of it a recogniser understands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pystoi import stoi

from training.leak.corpus import SENTENCES, Utterance, attacker_speech, sentences_spoken
from training.leak.rebuilder import Pair, Rebuilder, fit, rebuilt
from training.leak.recogniser import closed_model, recognised, word_list_model
from training.leak.scoring import mean_figure, paired_p, word_error_rate, word_errors
from training.leak.streams import (
    MEL,
    RATE_HZ,
    WIRE,
    Rows,
    Samples,
    StreamKind,
    coarser_kinds,
    denormalised_mel,
    rows_of,
)
from training.leak.vocoder import sound_of

WIRE_STEPS, CONTROL_STEPS = 1200, 400
"""Batches of 16; thinner versions of our stream get as many as our stream."""
KNOWLEDGE = ("sentences", "words", "english")
"""What the recogniser knows: the very sentences, their words in any order, or English as shipped."""


def rebuilding(data: Path | None, work: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Word errors and STOI of clean speech, of the control, of our stream, and of our stream shuffled."""
    sounds = sentences_spoken()
    clean = [sound.samples for sound in sounds]
    wire = trained(WIRE, data, work, tell)
    control = trained(MEL, data, work, tell)
    rng = np.random.default_rng(6)
    shuffled = [rng.permutation(rows_of(WIRE, samples)) for samples in clean]
    heard: dict[str, list[Samples]] = {
        "clean": clean,
        "control": [sound_of(denormalised_mel(rows_of(MEL, samples))) for samples in clean],
        "control_network": _sounds(control, MEL, sounds),
        "wire": _sounds(wire, WIRE, sounds),
        "wire_shuffled_in_time": _sounds(wire, WIRE, sounds, shuffled),
    }
    rows: dict[str, Any] = {}
    errors: dict[tuple[str, str], list[str]] = {}
    for name, samples in heard.items():
        rows[name] = {"stoi": _stoi(clean, samples)}
        for knowledge in KNOWLEDGE:
            errors[name, knowledge] = recognised(samples, _model(knowledge))
            rows[name][knowledge] = word_error_rate(SENTENCES, errors[name, knowledge]).rounded()
            tell(f"{name}, {knowledge}: word error rate {rows[name][knowledge]}")
    other = {"stoi": _stoi(clean, np.roll(np.array(heard["wire"], dtype=object), 7).tolist())}
    for knowledge in KNOWLEDGE:
        errors["other", knowledge] = errors["wire", knowledge][7:] + errors["wire", knowledge][:7]
        other |= {knowledge: word_error_rate(SENTENCES, errors["other", knowledge]).rounded()}
    rows["wire_of_another_sentence"] = other
    wrong = {key: np.array([_rate(s, h) for s, h in zip(SENTENCES, own, strict=True)])
             for key, own in errors.items()}  # fmt: skip
    compared = {
        knowledge: {
            "against_shuffled_p": paired_p(
                wrong["wire", knowledge], wrong["wire_shuffled_in_time", knowledge]
            ),
            "against_another_sentence_p": paired_p(wrong["wire", knowledge], wrong["other", knowledge]),
            "sentences_quite_right": int(np.count_nonzero(wrong["wire", knowledge] == 0.0)),
        }
        for knowledge in KNOWLEDGE
    }
    examples = list(zip(SENTENCES, errors["wire", "sentences"], errors["wire", "english"], strict=True))[:6]
    return {
        "sentences": len(SENTENCES),
        "words": sum(len(sentence.split()) for sentence in SENTENCES),
        "attacker_minutes": _minutes(work),
        "rows": rows,
        "wire_compared": compared,
        "examples": [list(example) for example in examples],
    }


def coarser(
    data: Path | None, work: Path, tell: Callable[[str], None], only: Sequence[str] = ()
) -> dict[str, Any]:
    """The same attack on thinner versions of our stream, and on the control at lower rates.

    only: the names of some of them, none: all.
    """
    sounds = sentences_spoken()
    clean = [sound.samples for sound in sounds]
    rows: dict[str, Any] = {}
    for kind in (kind for kind in coarser_kinds() if not only or kind.name in only):
        samples = _sounds(trained(kind, data, work, tell), kind, sounds)
        heard = recognised(samples, _model("sentences"))
        rows[kind.name] = {
            "stoi": _stoi(clean, samples),
            "sentences": word_error_rate(SENTENCES, heard).rounded(),
            "chance": word_error_rate(SENTENCES, heard[7:] + heard[:7]).rounded(),
        }
        tell(f"{kind.name}: {rows[kind.name]}")
    return rows


def trained(kind: StreamKind, data: Path | None, work: Path, tell: Callable[[str], None]) -> Rebuilder:
    """The attacker's network for this stream: trained now, or before in this work folder."""
    steps = WIRE_STEPS if kind.name.startswith("wire") else CONTROL_STEPS
    file = work / f"{kind.name}_{steps}.pt"
    network = Rebuilder(kind.width)
    if file.exists():
        network.load_state_dict(torch.load(file, weights_only=True))
        return network.eval()
    speech = _attackers(data, work, tell)
    pairs = [Pair(rows_of(kind, samples), rows_of(MEL, samples)) for samples in speech]
    tell(f"training the attack on {kind.name}: {len(pairs)} sounds, {steps} steps")
    network = fit(kind, pairs, steps)
    torch.save(network.state_dict(), file)
    return network


def _attackers(data: Path | None, work: Path, tell: Callable[[str], None]) -> list[Samples]:
    file = work / "attacker.npz"
    if not file.exists():
        tell("speaking the attacker's sounds")
        speech = [utterance.samples.astype(np.float32) for utterance in attacker_speech(data)]
        work.mkdir(parents=True, exist_ok=True)
        np.savez(file, *speech)
    with np.load(file) as stored:
        return [stored[name].astype(np.float64) for name in stored.files]


def _minutes(work: Path) -> float:
    with np.load(work / "attacker.npz") as stored:
        return round(sum(len(stored[name]) for name in stored.files) / RATE_HZ / 60.0, 1)


def _sounds(
    network: Rebuilder, kind: StreamKind, sounds: Sequence[Utterance], given: Sequence[Rows] | None = None
) -> list[Samples]:
    """What the attacker hears; given: other rows in place of the sounds' own."""
    rebuilt_sounds = []
    for number, sound in enumerate(sounds):
        rows = rows_of(kind, sound.samples) if given is None else given[number]
        frames = 1 + len(sound.samples) // 160
        rebuilt_sounds.append(sound_of(denormalised_mel(rebuilt(network, kind, rows, frames))))
    return rebuilt_sounds


def _model(knowledge: str) -> str | None:
    if knowledge == "english":
        return None
    return closed_model(SENTENCES) if knowledge == "sentences" else word_list_model(SENTENCES)


def _stoi(clean: Sequence[Samples], heard: Sequence[Samples]) -> dict[str, float]:
    values = []
    for truth, guess in zip(clean, heard, strict=True):
        padded = np.pad(guess, (0, max(0, len(truth) - len(guess))))[: len(truth)]
        values.append(stoi(truth, padded + 1e-9, RATE_HZ))
    return mean_figure(np.array(values)).rounded()


def _rate(said: str, heard: str) -> float:
    return word_errors(said, heard) / len(said.split())
