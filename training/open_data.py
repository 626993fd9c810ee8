"""A data directory of redistributable sound alone, for the model that is trained on nothing else.

    python -m training.open_data --data DIR --out OPEN

OPEN gets a manifest of the clips marked `redistributable: yes`, of the room responses marked so, and links to
their files; the other commands then run with `--data OPEN` as they do with the whole. Parts stay as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training.manifest import manifest_path


def open_data(data_dir: Path, out: Path) -> tuple[int, int]:
    """Make the directory; returns how many clips and room responses it holds."""
    clips = list(_open_lines(manifest_path(data_dir)))
    responses = list(_open_lines(data_dir / "ir" / "manifest.jsonl"))
    for row in clips:
        _link(data_dir / "train" / row["path"], out / "train" / row["path"])
    for row in responses:
        _link(data_dir / "ir" / row["path"], out / "ir" / row["path"])
    _write(manifest_path(out), clips)
    _write(out / "ir" / "manifest.jsonl", responses)
    return len(clips), len(responses)


def _open_lines(manifest: Path) -> Iterator[dict[str, Any]]:
    if not manifest.exists():
        return
    for line in manifest.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["redistributable"] == "yes":
            yield row


def _link(to: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(to.resolve())


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.open_data", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    clips, responses = open_data(args.data, args.out)
    print(f"{clips} clips and {responses} room responses in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
