"""What the attacker sees and what he makes sound of: shapes, levels, and a way back for the control."""

from __future__ import annotations

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import BAND_COUNT, FRAME_DTYPE
from tests.privacy.babble import babble
from training.leak.streams import MEL, RATE_HZ, WIRE, coarser_kinds, log_mel, pooled_kind, rows_of
from training.leak.vocoder import sound_of

SPEECH = babble(2.0, seed=3)


def test_the_attacker_is_given_every_field_of_a_frame() -> None:
    """Else the test would be kinder to the stream than an attacker is."""
    frames = frames_of(SPEECH, RATE_HZ)
    before = rows_of(WIRE, SPEECH)
    assert before.shape == (len(frames), WIRE.width)
    fields = [name for name in FRAME_DTYPE.names or () if name != "bands"]
    assert WIRE.width >= BAND_COUNT + len(fields)


@pytest.mark.parametrize("kind", [WIRE, MEL, *coarser_kinds()], ids=lambda kind: kind.name)
def test_rows_come_at_the_kinds_rate(kind: object) -> None:
    assert hasattr(kind, "period_s")
    rows = rows_of(kind, SPEECH)  # type: ignore[arg-type]
    assert rows.dtype == np.float32
    assert len(rows) == pytest.approx(2.0 / kind.period_s, abs=1.5)
    assert np.all(np.isfinite(rows))


def test_rows_are_blind_to_the_overall_level() -> None:
    np.testing.assert_allclose(
        rows_of(pooled_kind(5), SPEECH), rows_of(pooled_kind(5), 0.5 * SPEECH), atol=0.02
    )


def test_thinner_streams_hold_less() -> None:
    whole = rows_of(WIRE, SPEECH)[:, :BAND_COUNT]
    for kind in coarser_kinds():
        if kind.bands_every > 1:
            bands = rows_of(kind, SPEECH)[:, :BAND_COUNT]
            np.testing.assert_array_equal(bands[0], bands[kind.bands_every - 1])
            assert not np.array_equal(whole[0], whole[1])


def test_sound_made_of_log_mel_has_that_log_mel() -> None:
    wanted = log_mel(SPEECH)
    got = log_mel(sound_of(wanted))
    loud = wanted > wanted.max() - 6.0
    count = min(len(wanted), len(got))
    difference = (got[:count] - wanted[:count])[loud[:count]]
    assert np.abs(difference - np.median(difference)).mean() < 0.5
