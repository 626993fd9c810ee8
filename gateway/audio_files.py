"""Sound files for replay: the only file that knows `soundfile`, an extra that the field never gets.

WAV, FLAC, OGG and Opus are mixed down to one channel and given out in blocks; nothing is written anywhere.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp.front_end import LARGEST_SAMPLE
from dsp.resampling import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from gateway.errors import GatewayError

_BLOCK_S = 10
_RATES = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"


class AudioFileError(GatewayError):
    """The file is not sound that can be read."""


class AudioFile:
    """An open sound file: its rate and its samples as blocks of float64, full scale 1.0, one channel."""

    def __init__(self, sound: Any, path: Path) -> None:
        self._sound = sound
        self._path = path
        self.rate_hz: int = int(sound.samplerate)
        self.channels: int = int(sound.channels)

    def blocks(self) -> Iterator[NDArray[np.float64]]:
        """Blocks of at most ten seconds; AudioFileError where the file breaks off or holds no numbers."""
        failures = _soundfile().LibsndfileError
        while True:
            try:
                block = self._sound.read(self.rate_hz * _BLOCK_S, dtype="float64", always_2d=True)
            except failures as problem:
                raise _unreadable(self._path, str(problem)) from problem
            if len(block) == 0:
                return
            mono = block.mean(axis=1)
            if not np.isfinite(mono).all():
                raise _unreadable(self._path, "it contains samples that are not numbers")
            if np.abs(mono).max() > LARGEST_SAMPLE:
                raise _unreadable(self._path, "it contains samples far beyond full scale, 1.0")
            yield mono


@contextmanager
def open_audio(path: Path) -> Iterator[AudioFile]:
    """Open a sound file; raises AudioFileError, naming the file, when it is missing, empty or not sound."""
    library = _soundfile()
    if not path.exists():
        raise AudioFileError("no such file", where=str(path), hint="Check the path")
    if path.is_dir():
        raise AudioFileError("is a folder, not a sound file", where=str(path), hint="Name the files in it")
    try:
        sound = library.SoundFile(os.fsencode(path))
    except (library.LibsndfileError, OSError) as problem:
        raise _unreadable(path, str(problem)) from problem
    with sound:
        if not LOWEST_RATE_HZ <= sound.samplerate <= HIGHEST_RATE_HZ:
            raise _unreadable(path, f"its sample rate is {sound.samplerate} Hz, not {_RATES}")
        if sound.frames == 0:
            raise _unreadable(path, "it holds no samples")
        yield AudioFile(sound, path)


def _unreadable(path: Path, why: str) -> AudioFileError:
    return AudioFileError(
        f"cannot be read as sound ({why})", where=str(path), hint="Give a WAV, FLAC, OGG or Opus file"
    )


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    except (ImportError, OSError) as problem:
        raise AudioFileError(
            "reading sound files needs an extra that field installations do not have",
            hint="pip install 'aggression-gateway[audio]'",
        ) from problem
