"""Records the baseline of the committed models on the regression set.

    python -m tests.regression --reason "why the models changed" [--accept KIND,KIND] [--package first]

Without a reason nothing is recorded. A model that got worse in a kind of sound is refused unless that very
kind is named with `--accept`; what was accepted stays in `history.json`. `--show` only measures.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.model_setup import choose_model
from tests.regression.gate import worse
from tests.regression.history import Entry, last, read, write
from tests.regression.measure import figures_of, set_digest, setup_of

MODELS = Path(__file__).parents[2] / "config" / "models"
LEAST_REASON = 15


def packages() -> list[str]:
    """Every model that is supplied, as its folder below config/models."""
    return sorted(str(path.parent.relative_to(MODELS)) for path in MODELS.glob("**/model.toml"))


def entry_of(package: str, reason: str, accepted: Sequence[str]) -> Entry:
    """The package's figures now."""
    folder = MODELS / package
    model_id = choose_model(str(folder)).model_id
    assert model_id is not None
    return Entry(
        package=package,
        model_id=model_id,
        sha256=hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest(),
        replay_set=set_digest(),
        date=f"{datetime.date.today():%Y-%m-%d}",
        reason=reason,
        accepted=tuple(accepted),
        figures=figures_of(setup_of(folder)),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.regression", description=__doc__.split("\n")[0])
    parser.add_argument("--reason", default="", help="why the baseline is renewed")
    parser.add_argument("--accept", default="", help="kinds of sound that may get worse this time")
    parser.add_argument("--package", help="one folder below config/models; without it all")
    parser.add_argument("--show", action="store_true", help="measure, record nothing")
    args = parser.parse_args(argv)
    if not args.show and len(args.reason) < LEAST_REASON:
        print('a baseline is renewed with a reason: --reason "..."', file=sys.stderr)
        return 2
    accepted = [kind for kind in args.accept.split(",") if kind]
    entries, refused = read(), False
    for package in [args.package] if args.package else packages():
        now, before = entry_of(package, args.reason, accepted), last(entries, package)
        comparable = before is not None and before.replay_set == now.replay_set
        problems = worse(before.figures, now.figures) if before is not None and comparable else {}
        for kind, what in problems.items():
            print(f"{now.model_id}: {kind}: {what}{' (accepted)' if kind in accepted else ''}")
        if args.show:
            print(f"{now.model_id}: {now.figures}")
        elif set(problems) - set(accepted):
            refused = True
        elif before is None or (before.sha256, before.figures) != (now.sha256, now.figures):
            entries.append(now)
            print(f"{now.model_id}: recorded")
    if refused:
        print("not recorded: got worse; mend it, or name the kinds with --accept", file=sys.stderr)
        return 1
    if not args.show:
        write(entries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
