"""The sounds of the leak test: what the attacker learns from, and the sentences and words he is tested on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.audio import read_clip
from training.labels import target_of
from training.leak.streams import RATE_HZ, Samples
from training.leak.voices import ATTACKER_VOICES, TEST_VOICES, Voice, spoken
from training.manifest import Clip, audio_path, read_manifest
from training.parts import clips_of, load_parts

SENTENCES = tuple((Path(__file__).parent / "sentences.txt").read_text(encoding="ascii").splitlines())
WORDS = (
    "help", "police", "money", "tonight", "doctor", "never", "station", "camera", "leave", "hospital",
    "sorry", "brother", "garden", "seven", "window", "fire", "water", "please", "monday", "yellow",
)  # fmt: skip
_NATURAL_SENTENCES = 220
_OTHER_SENTENCES = 12
_WORDS_IN_A_SENTENCE = (5, 9)
_RECORDED_S = 20 * 60.0
_LONGEST_S = 8.0
_MOST_SILENCE_S = 0.125


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken text ("" where nobody wrote it down). samples: 16 kHz."""

    text: str
    voice: str
    samples: Samples


def attacker_speech(data: Path | None, seed: int = 1) -> Iterator[Utterance]:
    """What the attacker trains on: nonsense of the test's own words in other voices, and recorded people.

    data: the manifest's directory, None to do without recorded people. No test sentence is among them.
    """
    rng = np.random.default_rng(seed)
    for voice in ATTACKER_VOICES:
        count = _OTHER_SENTENCES if voice.engine == "espeak" else _NATURAL_SENTENCES
        texts = nonsense(count, rng)
        for text, samples in zip(texts, spoken(voice, texts), strict=True):
            yield Utterance(text, voice.name, begun_anywhere(samples, rng))
    if data is not None:
        for clip in _recorded_voices(data, rng):
            samples = read_clip(audio_path(data, clip))[: int(_LONGEST_S * RATE_HZ)]
            yield Utterance("", clip.source_id, begun_anywhere(samples, rng))


def sentences_spoken(seed: int = 2) -> list[Utterance]:
    """Each sentence once, by one of the test voices in turn, beginning anywhere within a hop."""
    rng = np.random.default_rng(seed)
    said: dict[str, Utterance] = {}
    for number, voice in enumerate(TEST_VOICES):
        own = SENTENCES[number :: len(TEST_VOICES)]
        for text, samples in zip(own, spoken(voice, own), strict=True):
            said[text] = Utterance(text, voice.name, begun_anywhere(samples, rng))
    return [said[text] for text in SENTENCES]


def spoken_words(voices: Sequence[Voice], copies: int, seed: int) -> list[Utterance]:
    """Each word of `WORDS` by each voice, `copies` times, beginning anywhere within a hop."""
    rng = np.random.default_rng(seed)
    return [
        Utterance(text, voice.name, begun_anywhere(samples, rng))
        for voice in voices
        for text, samples in zip(WORDS, spoken(voice, WORDS), strict=True)
        for _ in range(copies)
    ]


def begun_anywhere(samples: Samples, rng: np.random.Generator) -> Samples:
    """A faint noise of up to a hop before the sound: nobody speaks in step with the sensor's hops."""
    before = rng.normal(0.0, 1e-4, int(rng.uniform(0.0, _MOST_SILENCE_S) * RATE_HZ))
    return np.concatenate([before, samples + rng.normal(0.0, 1e-4, len(samples))])


def nonsense(count: int, rng: np.random.Generator) -> list[str]:
    """Words of the test sentences in any order: the attacker knows the words, not the sentences."""
    known = sorted({word for sentence in SENTENCES for word in sentence.split()})
    return [
        " ".join(rng.choice(known, rng.integers(*_WORDS_IN_A_SENTENCE, endpoint=True))) for _ in range(count)
    ]


def _recorded_voices(data: Path, rng: np.random.Generator) -> list[Clip]:
    """People who speak or call out, of the train part, up to 20 minutes, in an order of the seed."""
    own = clips_of(read_manifest(data), load_parts(), ("train",))
    voices = [clip for clip in own if target_of(clip) in ("speech", "shout") and clip.dur_s > 1.0]
    voices.sort(key=lambda clip: zlib.crc32(clip.path.encode()))
    chosen, total_s = [], 0.0
    for index in rng.permutation(len(voices)):
        if total_s < _RECORDED_S:
            chosen.append(voices[index])
            total_s += min(voices[index].dur_s, _LONGEST_S)
    return chosen
