"""No sound can get into, through or out of a field gateway: there is no code for it."""

from __future__ import annotations

import ast
import tomllib

import pytest

from gateway.contract.vocabulary import EventClass
from tests.architecture.source_tree import ROOMS, ROOT, imports, reached_from, sources

# Anything that records, plays, decodes or transcribes sound.
SOUND_LIBRARIES = {
    "alsaaudio", "audioop", "av", "jack", "librosa", "miniaudio", "ossaudiodev", "pyaudio", "pydub", "sndhdr",
    "sounddevice", "soundcard", "speech_recognition", "sunau", "torchaudio", "vosk", "wave", "whisper",
}  # fmt: skip
FIELD_COMMANDS = (
    "run", "monitor", "record", "coverage", "telemetry", "calibrate", "check", "config", "watch",
)  # fmt: skip
NOT_ACOUSTIC = {
    "aggression", "anger", "angry", "distress", "drunk", "emotion", "fear", "fight", "hostile", "intent",
    "panic", "sad", "stress", "threat", "violence", "violent",
}  # fmt: skip


def test_no_sound_library_but_the_one_that_reads_files() -> None:
    for source in sources(*ROOMS):
        for found in imports(source):
            assert found.top not in SOUND_LIBRARIES, f"{source.path}:{found.line}"


@pytest.mark.parametrize("command", FIELD_COMMANDS)
def test_field_commands_cannot_reach_sound(command: str) -> None:
    """Neither a sound file nor what makes frames of a waveform: their input is a sensor's features alone."""
    reached = reached_from(f"gateway.tools.{command}")
    assert "soundfile" not in reached
    assert "gateway.audio_files" not in reached
    assert "dsp.front_end" not in reached


def test_sound_reading_is_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not any("soundfile" in requirement for requirement in project["dependencies"])
    assert any("soundfile" in requirement for requirement in project["optional-dependencies"]["audio"])


def test_labels_are_acoustic_events() -> None:
    labels = {event_class.value for event_class in EventClass}
    for path in (ROOT / "config" / "models").rglob("model.toml"):
        labels |= set(tomllib.loads(path.read_text(encoding="utf-8"))["labels"])
    for label in labels:
        assert not NOT_ACOUSTIC & set(label.split("_")), label


def test_no_sound_in_the_repository() -> None:
    sound = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".raw", ".pcm"}
    for folder in (*ROOMS, "config", "deploy", "tests", "training"):
        for path in (ROOT / folder).rglob("*"):
            assert path.suffix.lower() not in sound or "work" in path.parts, path


def test_messages_carry_no_samples() -> None:
    """The wire's feature frames come at most ten times a second and hold at most 64 bytes."""
    tree = next(source.tree for source in sources() if source.path == "firmware_bridge/messages.py")
    names = {node.target.id for node in ast.walk(tree)
             if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}  # fmt: skip
    assert not names & {"samples", "pcm", "audio", "waveform"}
