"""The wire's message and the arrays' row are the same bytes."""

from __future__ import annotations

import numpy as np

from dsp.layout import BAND_COUNT, FRAME_DTYPE
from firmware_bridge import messages
from firmware_bridge.messages import Features
from gateway.features import codes_of, features_of


def test_both_rooms_agree_on_the_layout() -> None:
    assert messages.BAND_COUNT == BAND_COUNT
    assert FRAME_DTYPE.names == Features._fields[1:]


def test_round_trip_of_any_codes() -> None:
    rng = np.random.default_rng(7)
    for hop_index in (0, 1, 2**32 - 1):
        row = np.frombuffer(rng.bytes(FRAME_DTYPE.itemsize), dtype=FRAME_DTYPE)[0]
        assert codes_of(features_of(row, hop_index)) == row
        assert features_of(row, hop_index).hop_index == hop_index


def test_each_field_lands_under_its_name() -> None:
    features = Features(5, -1234, -1200, 10, 11, 12, 13, 14, 15, bytes(range(BAND_COUNT)))
    row = codes_of(features)
    for name in FRAME_DTYPE.names or ():
        expected = list(features.bands) if name == "bands" else getattr(features, name)
        assert np.array_equal(row[name], expected), name
