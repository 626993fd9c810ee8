"""Which of 120 known sentences was it? Its stream is compared with streams of all, as spoken by others.

No sound is made and no network is trained: whoever waits for a phrase that he knows speaks it in voices of
his own and looks which of his streams lies nearest, whatever the pace (`warping.py`). For such a question he
is far stronger than one who has to make the sound again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.leak.corpus import SENTENCES, begun_anywhere, sentences_spoken
from training.leak.leaving import Derived
from training.leak.scoring import mean_figure, paired_p, word_error_rate
from training.leak.streams import Rows, Samples, coarser_kinds, pooled_kind, rows_of, thinned
from training.leak.voices import ATTACKER_VOICES, spoken
from training.leak.warping import nearest

CONTROL = pooled_kind(5)
VOICES = (
    tuple(voice for voice in ATTACKER_VOICES if voice.engine == "flite")
    + tuple(voice for voice in ATTACKER_VOICES if voice.engine == "espeak")[::2]
)
"""Both voices made of people, and every other one made by rule."""

Numbers = NDArray[np.float64]
Streams = dict[str, list[Rows]]


def phrase_figures(tell: Callable[[str], None]) -> dict[str, Any]:
    """Share of sentences told right for each stream, and the word error rate of what was told."""
    derived = Derived()
    asked = _streams([sound.samples for sound in sentences_spoken()], derived)
    rng = np.random.default_rng(12)
    known: Streams = {}
    for voice in VOICES:
        own = [begun_anywhere(samples, rng) for samples in spoken(voice, SENTENCES)]
        for name, rows in _streams(own, derived).items():
            known.setdefault(name, []).extend(rows)
        tell(f"spoken by {voice.name}")
    asked["wire_shuffled_in_time"] = [rng.permutation(rows) for rows in asked["wire"]]
    known["wire_shuffled_in_time"] = known["wire"]
    right: dict[str, Numbers] = {}
    figures: dict[str, Any] = {}
    for name, rows in asked.items():
        told = nearest(rows, known[name], len(SENTENCES))
        right[name] = (told == np.arange(len(SENTENCES))).astype(np.float64)
        heard = [SENTENCES[sentence] for sentence in told]
        figures[name] = {
            "right": mean_figure(right[name]).rounded(),
            "word_errors": word_error_rate(SENTENCES, heard).rounded(),
        }
        tell(f"sentences from {name}: {figures[name]}")
    return {
        "sentences": len(SENTENCES),
        "voices": len(VOICES),
        "chance": round(1.0 / len(SENTENCES), 4),
        "model": derived.model_id,
        "streams": figures,
        "wire_against_shuffled_p": paired_p(right["wire"], right["wire_shuffled_in_time"]),
    }


def _streams(sounds: Sequence[Samples], derived: Derived) -> Streams:
    found: Streams = {CONTROL.name: [rows_of(CONTROL, samples) for samples in sounds]}
    for samples in sounds:
        for name, rows in derived.of(samples).items():
            found.setdefault(name, []).append(rows)
    thinner = [kind for kind in coarser_kinds() if kind.name.startswith("wire")]
    for kind in thinner:
        found[kind.name] = [thinned(kind, rows) for rows in found["wire"]]
    return found
