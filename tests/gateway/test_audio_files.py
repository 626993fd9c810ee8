"""Sound files for replay: what can be read and what is refused, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.audio_files import AudioFileError, open_audio


def tone(rate_hz: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440.0 * np.arange(int(rate_hz * seconds)) / rate_hz)


def read(path: Path) -> tuple[int, np.ndarray]:
    with open_audio(path) as audio:
        return audio.rate_hz, np.concatenate(list(audio.blocks()))


@pytest.mark.parametrize(
    ("name", "subtype", "rate_hz"),
    [
        ("a.wav", "PCM_24", 48_000),
        ("a.wav", "PCM_16", 8_000),
        ("a.wav", "FLOAT", 44_100),
        ("a.flac", "PCM_24", 16_000),
    ],
)
def test_formats_and_rates(tmp_path: Path, name: str, subtype: str, rate_hz: int) -> None:
    soundfile.write(tmp_path / name, tone(rate_hz), rate_hz, subtype=subtype)
    found_rate_hz, samples = read(tmp_path / name)
    assert found_rate_hz == rate_hz
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("form", ["VORBIS", "OPUS"])
def test_ogg(tmp_path: Path, form: str) -> None:
    soundfile.write(tmp_path / "a.ogg", tone(48_000), 48_000, format="OGG", subtype=form)
    rate_hz, samples = read(tmp_path / "a.ogg")
    assert rate_hz == 48_000
    # Codecs overshoot where the tone begins and ends.
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, abs=0.02)


def test_stereo_is_mixed_to_one_channel(tmp_path: Path) -> None:
    left = tone(48_000)
    soundfile.write(tmp_path / "a.wav", np.column_stack([left, np.zeros_like(left)]), 48_000)
    _, samples = read(tmp_path / "a.wav")
    assert samples.ndim == 1
    assert np.abs(samples).max() == pytest.approx(0.25, abs=0.001)


def test_long_files_come_in_blocks(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(8_000, 25.0), 8_000)
    with open_audio(tmp_path / "a.wav") as audio:
        assert [len(block) for block in audio.blocks()] == [80_000, 80_000, 40_000]


def test_not_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"this is not a wave file")
    with pytest.raises(AudioFileError, match=r"a\.wav: cannot be read as sound"), open_audio(path):
        pass


def test_no_bytes_and_no_samples(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(AudioFileError, match="cannot be read as sound"), open_audio(tmp_path / "empty.wav"):
        pass
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 48_000)
    with pytest.raises(AudioFileError, match="holds no samples"), open_audio(tmp_path / "none.wav"):
        pass


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="no such file"), open_audio(tmp_path / "none.wav"):
        pass
    with pytest.raises(AudioFileError, match="is a folder"), open_audio(tmp_path):
        pass


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan, 0.1]), 48_000, subtype="FLOAT")
    with pytest.raises(AudioFileError, match="not numbers"):
        read(tmp_path / "a.wav")


def test_unlikely_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 100)
    with pytest.raises(AudioFileError, match="100 Hz"), open_audio(tmp_path / "a.wav"):
        pass
