"""What the gateway itself says it has analysed, by its own command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.chaos.victim import REPOSITORY, python


def analysed_seconds(settings: Path) -> float | None:
    """Of all sensors together, over the whole run; None where the command does not work."""
    done = subprocess.run(
        python("gateway", "coverage", "--settings", str(settings), "--json"),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: a last record is torn, as after a kill
        return None
    hours = [json.loads(line) for line in done.stdout.splitlines()]
    return sum(float(seconds) for hour in hours for seconds in hour["analysed_s"].values())
