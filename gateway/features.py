"""Step 4 to 5 of the route: a sensor's message becomes a row of the arrays that `dsp` works on."""

from __future__ import annotations

import struct

import numpy as np

from dsp.layout import FRAME_DTYPE
from firmware_bridge.messages import Features

_PACKED = struct.Struct("<hhBBBBBB24s")
assert _PACKED.size == FRAME_DTYPE.itemsize  # the two rooms must agree, byte for byte


def codes_of(features: Features) -> np.void:
    """One FRAME_DTYPE row with the message's codes."""
    packed = _PACKED.pack(
        features.laeq_cdb,
        features.lafmax_cdb,
        features.lcpeak_code,
        features.submax_code,
        features.roughness_code,
        features.harmonicity_code,
        features.pitch_code,
        features.flatness_code,
        features.bands,
    )
    row: np.void = np.frombuffer(packed, dtype=FRAME_DTYPE)[0]
    return row


def features_of(row: np.void, hop_index: int) -> Features:
    """The message that a sensor sends for one FRAME_DTYPE row."""
    laeq, lafmax, lcpeak, submax, roughness, harmonicity, pitch, flatness, bands = _PACKED.unpack(
        row.tobytes()
    )
    return Features(
        hop_index=hop_index,
        laeq_cdb=laeq,
        lafmax_cdb=lafmax,
        lcpeak_code=lcpeak,
        submax_code=submax,
        roughness_code=roughness,
        harmonicity_code=harmonicity,
        pitch_code=pitch,
        flatness_code=flatness,
        bands=bands,
    )
