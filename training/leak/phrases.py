"""Which of 120 known sentences was it? Its stream is compared with streams of all, as spoken by others.

No sound is made and no network is trained: whoever waits for a phrase that he knows speaks it in voices of
his own and looks which of his streams lies nearest, whatever the pace (`warping.py`). For such a question he
is far stronger than one who has to make the sound again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.leak.corpus import SENTENCES, begun_anywhere, sentences_spoken
from training.leak.leaving import Derived
from training.leak.rebuild import trained
from training.leak.rebuilder import Rebuilder, rebuilt
from training.leak.scoring import mean_figure, paired_p, word_error_rate
from training.leak.streams import (
    MEL,
    MEL_BANDS,
    WIRE,
    Rows,
    Samples,
    StreamKind,
    coarser_kinds,
    pooled_kind,
    rows_of,
    thinned,
)
from training.leak.voices import ATTACKER_VOICES, spoken
from training.leak.warping import nearest

_MEL_FRAMES = 5
CONTROL = pooled_kind(_MEL_FRAMES)
KINDS = (WIRE, *(kind for kind in coarser_kinds() if kind.name.startswith("wire")))
VOICES = (
    tuple(voice for voice in ATTACKER_VOICES if voice.engine == "flite")
    + tuple(voice for voice in ATTACKER_VOICES if voice.engine == "espeak")[::2]
)
"""Both voices made of people, and every other one made by rule."""

Numbers = NDArray[np.float64]
Streams = dict[str, list[Rows]]


def phrase_figures(data: Path | None, work: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Share of sentences told right for each stream, and the word error rate of what was told.

    Streams are compared as they are and redrawn: as the log mel that the network of `rebuild` draws of them,
    which knows better than plain distances what matters in speech.
    """
    derived = Derived()
    networks = {kind: trained(kind, data, work, tell) for kind in KINDS}
    asked = _streams([sound.samples for sound in sentences_spoken()], derived, networks)
    rng = np.random.default_rng(12)
    known: Streams = {}
    for voice in VOICES:
        own = [begun_anywhere(samples, rng) for samples in spoken(voice, SENTENCES)]
        for name, rows in _streams(own, derived, networks).items():
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


def _streams(
    sounds: Sequence[Samples], derived: Derived, networks: Mapping[StreamKind, Rebuilder]
) -> Streams:
    found: Streams = {CONTROL.name: [rows_of(CONTROL, samples) for samples in sounds]}
    for samples in sounds:
        for name, rows in derived.of(samples).items():
            found.setdefault(name, []).append(rows)
    for kind, network in networks.items():
        found[kind.name] = [thinned(kind, rows) for rows in found[WIRE.name]]
        found[f"{kind.name}_redrawn"] = [_redrawn(network, kind, rows) for rows in found[kind.name]]
    return found


def _redrawn(network: Rebuilder, kind: StreamKind, rows: Rows) -> Rows:
    """Log mel drawn of the rows, 20 a second like the control."""
    frames = round(len(rows) * kind.period_s / MEL.period_s) // _MEL_FRAMES * _MEL_FRAMES
    drawn = rebuilt(network, kind, rows, frames)
    return np.asarray(drawn.reshape(-1, _MEL_FRAMES, MEL_BANDS).mean(axis=1))
