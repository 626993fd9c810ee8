"""The committed schemas and the receivers' page match the types, and real payloads match the schemas."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import gateway.contract
from gateway.contract import schema, words
from gateway.contract.encoding import encode
from gateway.contract.examples import ALERT, EXAMPLES
from gateway.contract.schema import SCHEMA_DIR, schema_files, schema_name
from gateway.contract.topics import DELIVERY, TopicKind
from gateway.contract.types import Alert, Payload

ROOM = Path(gateway.contract.__file__).parent
PAGE = (ROOM / "README.md").read_text(encoding="utf-8")


OPTIONAL = {
    *("counters", "coverage", "delivery", "numbering", "age_s"),
    *("lane", "first_seq", "last_seq", "resent"),  # of requests and responses; an alert must have a lane
}


def _validator(payload: Payload) -> Draft202012Validator:
    text = (SCHEMA_DIR / f"{schema_name(type(payload))}.json").read_text(encoding="utf-8")
    document = json.loads(text)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_the_committed_schemas_match_the_types() -> None:
    expected = schema_files()
    assert set(SCHEMA_DIR.glob("*.json")) == set(expected)
    for path, content in expected.items():
        assert path.read_text(encoding="utf-8") == content, "run: python -m gateway.contract.schema --write"


def test_the_command_writes_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "SCHEMA_DIR", tmp_path / "schema")
    assert schema.main([]) == 1
    assert schema.main(["--write"]) == 0
    capsys.readouterr()
    assert schema.main([]) == 0
    assert capsys.readouterr().out == ""
    (tmp_path / "schema" / "alert.json").write_text("{}", encoding="utf-8")
    assert schema.main([]) == 1
    assert "alert.json: does not match" in capsys.readouterr().out


@pytest.mark.parametrize("payload", EXAMPLES, ids=lambda payload: type(payload).__name__)
def test_real_payloads_match_their_schema(payload: Payload) -> None:
    wire = json.loads(encode(payload))
    validator = _validator(payload)
    validator.validate(wire)
    validator.validate({**wire, "x_later": 1})
    for field in wire:
        if field not in OPTIONAL:
            assert list(validator.iter_errors({k: v for k, v in wire.items() if k != field})), field


def test_an_alert_must_say_its_lane_and_number() -> None:
    wire = json.loads(encode(ALERT))
    for field in ("lane", "seq"):
        assert list(_validator(ALERT).iter_errors({k: v for k, v in wire.items() if k != field}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": 2},
        {"phase": "pause"},
        {"event_id": "x"},
        {"sensors": [{}]},
        {"clock": None},
        {"type": "level"},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_types_refuse(wrong: dict[str, Any]) -> None:
    wire = json.loads(encode(ALERT)) | wrong
    assert list(_validator(ALERT).iter_errors(wire))


def test_the_page_shows_the_examples_as_they_are() -> None:
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]
    assert shown == [json.loads(encode(example)) for example in EXAMPLES]


def test_the_page_explains_every_field_of_an_alert() -> None:
    table = PAGE[PAGE.index("| field | meaning |") : PAGE.index("## Gateway status")]
    explained = set(re.findall(r"`([a-z_]+)`(?=[^|]*\|[^|]*\|\n)", table))
    properties = set(schema.schema_of(Alert)["$defs"]["Alert"]["properties"])
    assert properties <= explained


def test_the_page_shows_how_each_topic_is_delivered() -> None:
    paths = {
        TopicKind.STATUS: "status",
        TopicKind.HEALTH: "health",
        TopicKind.SENSOR_AVAILABILITY: "sensor/<sensor_id>/availability",
        TopicKind.SENSOR_HEALTH: "sensor/<sensor_id>/health",
        TopicKind.SENSOR_LEVEL: "sensor/<sensor_id>/level",
        TopicKind.EVENT: "event/<class>",
        TopicKind.HEARTBEAT: "heartbeat",
        TopicKind.RECEIPT: "receipt",
        TopicKind.REQUEST: "request/<command>",
        TopicKind.RESPONSE: "response/<command>",
        TopicKind.RECORD_STATUS: "record/status",
        TopicKind.RECORD_AVAILABILITY: "record/availability",
        TopicKind.RECORD_COVERAGE: "record/coverage",
        TopicKind.RECORD_LEVEL: "record/level",
    }
    assert set(paths) == set(TopicKind)
    topics = PAGE[PAGE.index("## Topics") : PAGE.index("## What a receiver must do")]
    for kind, path in paths.items():
        (row,) = [line for line in topics.splitlines() if line.startswith(f"| `{path}` |")]
        delivery = DELIVERY[kind]
        assert row.endswith(f"| {delivery.qos} | {'yes' if delivery.retained else 'no'} |")


def test_the_page_has_every_word_in_both_languages() -> None:
    tables = [table for name, table in vars(words).items() if name.endswith("_WORDS")]
    assert tables
    for table in tables:
        for code, (english, dutch) in table.items():
            assert f"| `{code}` | {english} | {dutch} |" in PAGE


def test_the_contract_is_a_leaf() -> None:
    """It imports nothing of ours but itself, so a receiver can take it along alone."""
    allowed = {
        "__future__",
        "argparse",
        "dataclasses",
        "datetime",
        "enum",
        "hashlib",
        "json",
        "math",
        "pathlib",
        "re",
    }
    allowed |= {"sys", "typing", "collections", "msgspec"}
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.startswith("gateway.contract") or name.split(".")[0] in allowed, (
                    f"{path.name}: {name}"
                )


def test_no_field_or_code_speaks_of_moods_or_aims() -> None:
    forbidden = re.compile(r"emotion|anger|angry|mood|intent|threat|stress|fear", re.IGNORECASE)
    for path in (*ROOM.glob("*.py"), *SCHEMA_DIR.glob("*.json")):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path.name
