"""Speech of known text: which synthetic voices speak for the attacker's training, and which for the test.

The programs espeak-ng, flite and festival do the speaking (Debian packages of those names, and the voices
festvox-kallpc16k, festvox-kdlpc16k and festvox-us-slt-hts). No test voice, nor another voice made of the same
person, is in the attacker's training: flite's kal and slt are therefore used nowhere.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from training.audio import read_clip

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """name: unique; engine: espeak, flite or festival; setting: the engine's name of the voice.

    words_per_minute and pitch (0..99) are espeak's alone.
    """

    name: str
    engine: str
    setting: str
    words_per_minute: int = 150
    pitch: int = 50


def _espeak(setting: str, words_per_minute: int, pitch: int) -> Voice:
    return Voice(f"espeak_{setting.replace('+', '_')}", "espeak", setting, words_per_minute, pitch)


TEST_VOICES = (
    Voice("slt", "festival", "voice_cmu_us_slt_arctic_hts"),
    Voice("kal", "festival", "voice_kal_diphone"),
    Voice("ked", "festival", "voice_ked_diphone"),
)
ATTACKER_VOICES = (
    Voice("awb", "flite", "awb"),
    Voice("rms", "flite", "rms"),
    _espeak("en-us+m1", 150, 45),
    _espeak("en-us+m3", 165, 40),
    _espeak("en-us+m7", 140, 55),
    _espeak("en-us+f1", 155, 55),
    _espeak("en-us+f2", 145, 60),
    _espeak("en-us+f4", 170, 50),
    _espeak("en-us+Andy", 160, 50),
    _espeak("en-us+Annie", 150, 50),
    _espeak("en-us+Alex", 150, 50),
    _espeak("en-us+Linda", 160, 50),
    _espeak("en-us+klatt2", 150, 50),
    _espeak("en-us+Michael", 165, 45),
    _espeak("en-gb+m2", 155, 50),
    _espeak("en-gb+f3", 150, 55),
    _espeak("en-gb-scotland+m4", 160, 50),
    _espeak("en-gb-x-rp+f5", 145, 50),
)


def spoken(voice: Voice, texts: Sequence[str]) -> list[Samples]:
    """Each text spoken, 16 kHz, full scale 1.0. RuntimeError says which program failed and what it said."""
    with TemporaryDirectory(prefix="spoken-") as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(texts))]
        if voice.engine == "festival":
            _festival(voice, texts, files)
        for text, file in zip(texts, files, strict=True):
            if voice.engine == "espeak":
                _run(["espeak-ng", "-v", voice.setting, "-s", str(voice.words_per_minute),
                      "-p", str(voice.pitch), "-w", str(file), text])  # fmt: skip
            elif voice.engine == "flite":
                _run(["flite", "-voice", voice.setting, "-t", text, "-o", str(file)])
        return [read_clip(file) for file in files]


def _festival(voice: Voice, texts: Sequence[str], files: Sequence[Path]) -> None:
    """All texts in one process: loading a voice takes longer than speaking."""
    script = io.StringIO()
    script.write(f"({voice.setting})\n")
    for text, file in zip(texts, files, strict=True):
        script.write(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{file}" \'riff)\n')
    _run(["festival", "--pipe"], script.getvalue())


def _run(command: Sequence[str], told: str = "") -> None:
    try:
        done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise RuntimeError(f"{command[0]} is not installed: apt-get install {command[0]}") from missing
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
