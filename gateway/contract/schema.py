"""JSON Schema (draft 2020-12) of every payload, generated from the types.

`python -m gateway.contract.schema --write` writes the files beside this one; without `--write` it says
whether they match, and ends with 1 if not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.contract.types import PAYLOAD_TYPES, Payload
from gateway.contract.vocabulary import SCHEMA_VERSION

SCHEMA_DIR = Path(__file__).with_name("schema")


def schema_name(payload_type: type[Payload]) -> str:
    """`GatewayStatus` -> `gateway_status`, as in the payload's own `type`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", payload_type.__name__).lower()


def schema_of(payload_type: type[Payload]) -> dict[str, Any]:
    """The schema of one payload, its parts under `$defs`."""
    name = schema_name(payload_type)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:aggression:v1:{name}",
        "$comment": f"Contract {SCHEMA_VERSION}. Generated from gateway/contract/types.py; do not edit.",
        **msgspec.json.schema(payload_type),
    }


def schema_files() -> dict[Path, str]:
    """Path -> content of each schema file as it should be."""
    return {
        SCHEMA_DIR / f"{schema_name(payload_type)}.json": json.dumps(schema_of(payload_type), indent=2) + "\n"
        for payload_type in PAYLOAD_TYPES
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gateway.contract.schema", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the files")
    write = parser.parse_args(arguments).write
    differing = 0
    for path, content in schema_files().items():
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        differing += 1
        if write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        print(f"{path.name}: {'written' if write else 'does not match the types'}")
    return 1 if differing and not write else 0


if __name__ == "__main__":
    sys.exit(main())
