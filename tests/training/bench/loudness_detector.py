"""A detector for the tests: the level of each eighth of a second, the same for every class."""

import numpy as np


class LoudnessDetector:
    name = "loudness"
    hop_s = 0.125

    def score(self, samples: np.ndarray, full_scale_db: float) -> np.ndarray:
        hops = -(-len(samples) // 2000)
        padded = np.zeros(hops * 2000, dtype=np.float32)
        padded[: len(samples)] = samples
        level_db = 10.0 * np.log10(np.mean(padded.reshape(hops, 2000) ** 2, axis=1) + 1e-12) + full_scale_db
        return np.repeat(level_db[:, np.newaxis], 4, axis=1).astype(np.float32)


def load(argument: str) -> LoudnessDetector:
    assert argument == ""
    return LoudnessDetector()
