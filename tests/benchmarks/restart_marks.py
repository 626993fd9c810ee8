"""`agw run` that writes down when it came how far after its start.

    python -m tests.benchmarks.restart_marks MARKS run --settings FILE

MARKS gets one JSON object a line, instants of CLOCK_MONOTONIC, when the first frame has been processed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENTERED_S = time.monotonic()


def watch(marks: Path) -> None:
    """Wrap what a start consists of."""
    from gateway import app
    from gateway.inbox import Inbox
    from gateway.station import Station

    seen = {"entered": ENTERED_S, "imported": time.monotonic()}

    def after(owner: Any, name: str, mark: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            result = real(*given, **named)
            if mark not in seen:
                seen[mark] = time.monotonic()
                if mark == "first_frame":
                    with marks.open("a", encoding="utf-8") as file:
                        print(json.dumps(seen), file=file)
            return result

        setattr(owner, name, call)

    after(app.App, "_check_outbox", "outbox_checked")
    after(app, "choose_model", "model_loaded")
    after(Inbox, "put", "first_port_event")
    after(app.App, "_open_telemetry", "telemetry_read")
    after(Station, "begin", "pipeline_runs")
    after(Station, "_hear", "first_frame")


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    from gateway.cli import main

    raise SystemExit(main(sys.argv[2:]))
