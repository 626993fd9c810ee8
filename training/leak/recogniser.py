"""Samples to words with pocketsphinx and the English model that it ships, and language models for it.

The one file that drives pocketsphinx. `closed_model` favours the attacker as much as a language model can: it
is made of the very sentences that are spoken, so it knows every word and every pair of words that can come.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

RATE_HZ = 16_000
_LEVEL_RMS = 0.08
_SILENCE_S = 0.2
_BACK_OFF_SHARE = 0.2


def recognised(sounds: Sequence[NDArray[np.float64]], language_model: str | None) -> list[str]:
    """What is heard in each sound (16 kHz). language_model: ARPA text, None: the one that is shipped.

    Each sound is brought to the same level and gets a little silence around it.
    """
    with TemporaryDirectory(prefix="language-") as folder:
        options = {"loglevel": "FATAL", "samprate": RATE_HZ}
        if language_model is not None:
            file = Path(folder) / "closed.arpa"
            file.write_text(language_model, encoding="ascii")
            options["lm"] = str(file)
        decoder = pocketsphinx.Decoder(**options)
        return [_heard(decoder, sound) for sound in sounds]


def _heard(decoder: pocketsphinx.Decoder, sound: NDArray[np.float64]) -> str:
    rms = max(float(np.sqrt(np.mean(sound**2))), 1e-9)
    pause = np.random.default_rng(0).normal(0.0, 1e-3, int(_SILENCE_S * RATE_HZ))
    level = np.clip(np.concatenate([pause, sound * (_LEVEL_RMS / rms), pause]), -1.0, 1.0)
    decoder.start_utt()
    decoder.process_raw((level * 32_767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return "" if hypothesis is None else str(hypothesis.hypstr)


def closed_model(sentences: Sequence[str]) -> str:
    """An ARPA bigram model of these sentences; a share of each word's mass is left to any other word."""
    follows: dict[str, Counter[str]] = defaultdict(Counter)
    single: Counter[str] = Counter()
    for sentence in sentences:
        words = ["<s>", *sentence.split(), "</s>"]
        single.update(words[1:])
        for first, second in pairwise(words):
            follows[first][second] += 1
    total = sum(single.values())
    lines = ["\\data\\", f"ngram 1={len(single) + 1}", f"ngram 2={sum(map(len, follows.values()))}", ""]
    lines += ["\\1-grams:", f"-99.0 <s> {math.log10(_BACK_OFF_SHARE):.4f}"]
    for word, count in sorted(single.items()):
        back_off = "" if word == "</s>" else f" {math.log10(_BACK_OFF_SHARE):.4f}"
        lines.append(f"{math.log10(count / total):.4f} {word}{back_off}")
    lines += ["", "\\2-grams:"]
    for first in sorted(follows):
        seen = sum(follows[first].values())
        for second, count in sorted(follows[first].items()):
            share = (1.0 - _BACK_OFF_SHARE) * count / seen
            lines.append(f"{math.log10(share):.4f} {first} {second}")
    return "\n".join([*lines, "", "\\end\\", ""])


def word_list_model(sentences: Sequence[str]) -> str:
    """An ARPA model of the sentences' words in any order, each as likely as every other."""
    words = sorted({word for sentence in sentences for word in sentence.split()})
    mean_length = sum(len(sentence.split()) for sentence in sentences) / len(sentences)
    end = 1.0 / (1.0 + mean_length)
    each = math.log10((1.0 - end) / len(words))
    lines = ["\\data\\", f"ngram 1={len(words) + 2}", "", "\\1-grams:", "-99.0 <s>"]
    lines += [f"{math.log10(end):.4f} </s>", *(f"{each:.4f} {word}" for word in words)]
    return "\n".join([*lines, "", "\\end\\", ""])
