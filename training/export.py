"""The trained network as a model package: TFLite file, description, model card, and proof that they agree.

    python -m training.export --model FOLDER --features FOLDER --data DIR --package config/models/first

float32, batch 1. The exported file is run in `ai-edge-litert` on real windows and must agree with torch to
1e-4. `--write-check FILE` keeps inputs and outputs for the same test in another runtime (`check_runtime`).
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION, model_input
from training import store as features
from training.check_runtime import largest_difference
from training.labels import LABELS, POSITIVES
from training.model_card import card
from training.network import WINDOW_HOPS, Net, Scorer
from training.package import description, licence_summary
from training.store import Store

TOLERANCE = 1e-4
CHECK_WINDOWS = 400


def load_scorer(folder: Path) -> Scorer:
    """What `training.train` wrote, ready to score."""
    net = Net(len(LABELS))
    net.load_state_dict(torch.load(folder / "net.pt", weights_only=True))
    with np.load(folder / "calibration.npz") as arrays:
        scale, bias = torch.from_numpy(arrays["scale"]), torch.from_numpy(arrays["bias"])
    return Scorer(net, scale, bias).eval()


def check_inputs(store: Store, count: int = CHECK_WINDOWS) -> NDArray[np.float32]:
    """Windows spread over the store, with gaps, and the extremes: nothing heard, only the newest hop."""
    rng = np.random.default_rng(7)
    ends = np.sort(rng.integers(WINDOW_HOPS, len(store.frames), count))
    rows = ends[:, np.newaxis] + np.arange(-WINDOW_HOPS, 0)
    valid = rng.random((count, WINDOW_HOPS)) > 0.1
    valid[0] = False
    valid[1, :-1] = False
    return model_input(store.frames[rows], valid)


def multiplications(net: Net) -> int:
    """Multiplications of one window, counted while a window passes through."""
    total = 0

    def count(module: torch.nn.Module, _given: Any, out: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, torch.nn.Linear):
            total += module.weight.numel()
        elif isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d):
            total += module.weight.numel() * out[0, 0].numel()

    handles = [module.register_forward_hook(count) for module in net.modules()]
    net(torch.zeros(1, WINDOW_HOPS, CHANNELS))
    for handle in handles:
        handle.remove()
    return total


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder that training.train wrote")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results.json")
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=datetime.date.today())
    parser.add_argument("--write-check", type=Path)
    args = parser.parse_args(argv)
    scorer = load_scorer(args.model)
    store = features.load(args.features)
    inputs = check_inputs(store)
    with torch.no_grad():
        expected = np.concatenate([scorer(torch.from_numpy(one[np.newaxis])).numpy() for one in inputs])
    content = _converted(scorer, args.package)
    difference = largest_difference(Interpreter(model_content=content), inputs, expected)
    print(f"largest difference torch - ai-edge-litert: {difference:.1e} over {len(inputs)} windows")
    if difference > TOLERANCE:
        print("refused: the exported model does not agree with the trained one", file=sys.stderr)
        return 1
    if args.write_check:
        np.savez(args.write_check, inputs=inputs, expected=expected)
    tuned = json.loads((args.model / "tuned.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256(content).hexdigest()
    facts = {
        "id": f"{args.package.name}-{args.date:%Y%m%d}-{digest[:6]}",
        "sha256": digest,
        "bytes": len(content),
        "layout": LAYOUT_ID,
        "model_input_version": MODEL_INPUT_VERSION,
        "input_shape": [WINDOW_HOPS, CHANNELS],
        "labels": list(LABELS),
        "positives": list(POSITIVES),
        "thresholds": {label: round(tuned["thresholds"][label], 4) for label in POSITIVES},
        "trained_on": tuned["train"],
        "licences": licence_summary(args.data, [item for item in store.items if item.part == "train"]),
        "parameters": sum(p.numel() for p in scorer.net.parameters()),
        "mmac_per_s": round(multiplications(scorer.net) * 8 / 1e6, 1),
        "date": f"{args.date:%Y-%m-%d}",
    }
    (args.package / "model.toml").write_text(description(facts), encoding="utf-8")
    results = json.loads(args.results.read_text(encoding="utf-8")) if args.results.exists() else None
    (args.package / "MODEL_CARD.md").write_text(card(facts, results), encoding="utf-8")
    print(
        f"{facts['id']}: {facts['bytes']} bytes, {facts['parameters']} parameters, "
        f"{facts['mmac_per_s']} MMAC/s"
    )
    return 0


def _converted(scorer: Scorer, package: Path) -> bytes:
    package.mkdir(parents=True, exist_ok=True)
    path = package / "model.tflite"
    litert_torch.convert(scorer, (torch.zeros(1, WINDOW_HOPS, CHANNELS),)).export(str(path))
    return path.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
