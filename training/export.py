"""The trained network as a model package: two TFLite files, their descriptions, and proof that they agree.

    python -m training.export --model FOLDER --features FOLDER --data DIR --package config/models/ear

`model.tflite` is float32 and must agree with torch to 1e-4 in `ai-edge-litert`. `int8/` is a package of its
own, for gateways with little memory or an old processor: the same network in 8-bit integers
(`training.int8`), its ranges from windows of the part train. How its scores and decisions differ is measured
on the part tune and written beside it. Both are refused when too large or too slow.
`--write-check FILE` keeps inputs and outputs for the same test in another runtime (`check_runtime`).
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from dsp.layout import HOP_S, LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from training import parity
from training import store as features
from training.agreement import Agreement, agreement, scored_clips
from training.check_runtime import FLOAT_TOLERANCE, INT8, scores_of
from training.folding import folded
from training.int8 import int8_of
from training.labels import LABELS, POSITIVES
from training.network import WINDOW_HOPS, Net, Scorer
from training.package import description, licence_summary, licences_by_class
from training.real_windows import spread
from training.store import Store
from training.tflite_file import multiplications, slim

FLOAT_BYTES, INT8_BYTES = 512_000, 128_000
MMAC_PER_S = 30.0
INT8_MEAN = 0.02
"""Greatest mean difference of a positive class's score between the two files, over windows of part tune."""
RANGE_WINDOWS, CHECK_WINDOWS = 2000, 400


class Refused(Exception):
    """The package is not written, and why."""


def load_scorer(folder: Path) -> Scorer:
    """What `training.train` wrote, ready to score."""
    net = Net(len(LABELS), hints=0)
    net.load_state_dict(torch.load(folder / "net.pt", weights_only=True))
    with np.load(folder / "calibration.npz") as arrays:
        scale, bias = torch.from_numpy(arrays["scale"]), torch.from_numpy(arrays["bias"])
    return Scorer(net, scale, bias).eval()


def float_file(scorer: Scorer) -> bytes:
    """The network as a float32 `.tflite` of one window at a time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        litert_torch.convert(folded(scorer), (torch.zeros(1, WINDOW_HOPS, CHANNELS),)).export(str(path))
        content = slim(path.read_bytes())
    rate = multiplications(content) / HOP_S / 1e6
    if rate > MMAC_PER_S or len(content) > FLOAT_BYTES:
        allowed = f"{FLOAT_BYTES} and {MMAC_PER_S} are allowed"
        raise Refused(f"the float32 file has {len(content)} bytes and {rate:.1f} MMAC/s; {allowed}")
    return content


def int8_file(content: bytes, store: Store) -> bytes:
    """The float32 file in 8 bits."""
    of_train = [item for item in store.items if item.part == "train"]
    made = slim(int8_of(content, spread(store, of_train, RANGE_WINDOWS, WINDOW_HOPS)))
    if len(made) > INT8_BYTES:
        raise Refused(f"the 8-bit file has {len(made)} bytes; {INT8_BYTES} are allowed")
    return made


def compared(first: bytes, second: bytes, store: Store, thresholds: Mapping[str, float]) -> Agreement:
    """Two files on all clips of the part tune."""
    clips = [item for item in store.items if item.part == "tune" and item.kind == "clip"]
    scored = [scored_clips(interpreter(content), store, clips, WINDOW_HOPS) for content in (first, second)]
    found = agreement(scored[0], scored[1], thresholds)
    if found.mean > INT8_MEAN:
        raise Refused(f"8-bit scores are {found.mean:.3f} from float32 in the mean; {INT8_MEAN} is allowed")
    return found


def torch_scores(scorer: Scorer, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The trained network itself, one window at a time."""
    with torch.no_grad():
        return np.concatenate([scorer(torch.from_numpy(one[np.newaxis])).numpy() for one in windows])


def interpreter(content: bytes) -> Interpreter:
    """As the gateway runs it."""
    return Interpreter(model_content=content, num_threads=1)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder that training.train wrote")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=datetime.date.today())
    parser.add_argument("--write-check", type=Path)
    args = parser.parse_args(argv)
    try:
        _export(args)
    except Refused as problem:
        print(f"refused: {problem}", file=sys.stderr)
        return 1
    return 0


def _export(args: argparse.Namespace) -> None:
    scorer = load_scorer(args.model)
    store = features.load(args.features)
    tuned = json.loads((args.model / "tuned.json").read_text(encoding="utf-8"))
    thresholds = {label: round(tuned["thresholds"][label], 4) for label in POSITIVES}
    of_tune = [item for item in store.items if item.part == "tune"]
    inputs = spread(store, of_tune, CHECK_WINDOWS, WINDOW_HOPS)
    expected = torch_scores(scorer, inputs)
    content = float_file(scorer)
    apart = float(np.abs(scores_of(interpreter(content), inputs) - expected).max())
    print(f"float32 - torch: largest {apart:.1e} over {len(inputs)} windows")
    if apart > FLOAT_TOLERANCE:
        raise Refused("the exported model does not agree with the trained one")
    small = int8_file(content, store)
    agreed = compared(content, small, store, thresholds)
    if args.write_check:
        int8 = scores_of(interpreter(small), inputs)
        np.savez(args.write_check, inputs=inputs, expected=expected, int8=int8)
    of_train = [item for item in store.items if item.part == "train"]
    facts: dict[str, Any] = {
        "layout": LAYOUT_ID,
        "model_input_version": MODEL_INPUT_VERSION,
        "input_shape": [WINDOW_HOPS, CHANNELS],
        "labels": list(LABELS),
        "positives": list(POSITIVES),
        "thresholds": thresholds,
        "thresholds_by": tuned["thresholds_by"],
        "trained_on": tuned["train"],
        "licences": licence_summary(args.data, of_train),
        "licences_by_class": licences_by_class(args.data, of_train),
        "parameters": sum(p.numel() for p in scorer.net.parameters()),
        "mmac_per_s": round(multiplications(content) / HOP_S / 1e6, 1),
        "date": f"{args.date:%Y-%m-%d}",
    }
    _write(args.package, content, facts | _named(args.package.name, content, args.date))
    of_int8 = facts | _named(f"{args.package.name}-int8", small, args.date) | {"agreement": asdict(agreed)}
    _write(args.package / INT8, small, of_int8)
    files: dict[str, parity.Score] = {
        "float32": lambda windows: torch_scores(scorer, windows),
        INT8: lambda windows: scores_of(interpreter(small), windows),
    }
    parity.write(args.package, WINDOW_HOPS, files)


def _named(name: str, content: bytes, date: datetime.date) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"id": f"{name}-{date:%Y%m%d}-{digest[:6]}", "sha256": digest, "bytes": len(content)}


def _write(folder: Path, content: bytes, facts: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    (folder / "model.toml").write_text(description(facts), encoding="utf-8")
    print(
        f"{facts['id']}: {facts['bytes']} bytes, {facts['parameters']} parameters, "
        f"{facts['mmac_per_s']} MMAC/s"
    )


if __name__ == "__main__":
    sys.exit(main())
