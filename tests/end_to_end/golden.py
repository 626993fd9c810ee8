"""What the gateway makes of each committed capture, as expected output.

    python -m tests.end_to_end.golden --write     # after a change that is meant to change it

It pins behaviour, so that no change slips by unseen; it says nothing about how good the model is. Times are
rounded to the hop, so that both model runtimes give the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gateway.decisions.decider import Decision
from gateway.model_setup import DEFAULT, choose_model
from gateway.replay import ReplaySetup, replay_file
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = (REPOSITORY / "config" / "captures", REPOSITORY / "tests" / "captures" / "events")
EXPECTED = REPOSITORY / "tests" / "captures" / "expected_alerts.json"


def heard() -> dict[str, list[str]]:
    """Capture (path from the repository's root) -> its revisions, one line each."""
    model = choose_model(DEFAULT)
    assert model.problem is None, model.problem
    setup = ReplaySetup(model.classifier, rules_in_force(DecisionSettings(), model.thresholds))
    return {
        str(path.relative_to(REPOSITORY)): [
            _line(step) for step in replay_file(path, setup) if isinstance(step, Decision)
        ]
        for folder in FOLDERS
        for path in sorted(folder.glob("*.agwcap"))
    }


def _line(decision: Decision) -> str:
    return (
        f"{decision.phase.value} {decision.event_class} {decision.severity.value} x{decision.count} "
        f"onset {decision.onset_s:.3f} at {decision.t_s:.3f}"
    )


def main() -> int:
    if sys.argv[1:] != ["--write"]:
        print(__doc__)
        return 2
    EXPECTED.write_text(json.dumps(heard(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
