"""A small data directory with a manifest of the real form, and clips made of tones and noise."""

import json
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
KINDS = {
    "shout": ("high", 0.8),
    "scream": ("high", 0.8),
    "glass_break": ("", 0.4),
    "gunshot": ("", 0.3),
    "speech": ("low", 1.0),
    "ambience": ("", 8.0),
    "dog_bark": ("", 0.5),
}


def write_data(folder: Path, sources: int = 4, clips: int = 1) -> Path:
    """`sources` sources of each kind, `clips` clips each, under `folder`; returns the folder."""
    rng = np.random.default_rng(11)
    rows = []
    for kind, (effort, seconds) in KINDS.items():
        for source in range(sources):
            for clip in range(clips):
                path = f"audio/made/{kind}_{source}_{clip}.wav"
                target = folder / "train" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(target, _sound(kind, seconds, rng), RATE_HZ)
                rows.append(
                    {
                        "path": path,
                        "dur": seconds,
                        "dataset": "made",
                        "source_id": f"{kind}_{source}",
                        "bucket": "train",
                        "label": kind,
                        "detail": kind,
                        "label_conf": "high",
                        "effort": effort,
                        "licence": "CC0",
                        "redistributable": "yes",
                        "rate": RATE_HZ,
                        "band_hz": 8000,
                    }
                )
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder / "train" / "manifest.jsonl").write_text(lines + "\n", encoding="utf-8")
    return folder


def _sound(kind: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    count = int(seconds * RATE_HZ)
    t_s = np.arange(count) / RATE_HZ
    noise = rng.normal(0.0, 0.1, count)
    if kind in ("shout", "scream", "speech"):
        pitch_hz = {"shout": 300.0, "scream": 1200.0, "speech": 120.0}[kind] * rng.uniform(0.9, 1.1)
        return 0.3 * np.sin(2 * np.pi * pitch_hz * t_s) + 0.1 * noise
    if kind in ("gunshot", "glass_break", "dog_bark"):
        decay_s = {"gunshot": 0.05, "glass_break": 0.1, "dog_bark": 0.2}[kind]
        return noise * 4.0 * np.exp(-t_s / decay_s)
    return 0.2 * noise
