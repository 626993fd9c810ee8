"""Payloads survive the wire; newer and broken ones are met with patience."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import msgspec
import pytest

import gateway.contract.vocabulary as vocabulary
from gateway.contract.encoding import PAYLOAD_BY_KIND, BadPayload, decode, decode_for, encode
from gateway.contract.examples import ALERT, EXAMPLES, SENSOR_LEVEL
from gateway.contract.instants import utc_seconds, utc_text
from gateway.contract.topics import TopicKind
from gateway.contract.types import PAYLOAD_TYPES, Alert, Payload, Timeline, replace
from gateway.contract.vocabulary import Phase, Severity, severity_rank
from gateway.contract.words import (
    CLASS_WORDS,
    CLOCK_WORDS,
    END_REASON_WORDS,
    MODE_WORDS,
    PHASE_WORDS,
    PRIORITY_WORDS,
    SENSOR_STATE_WORDS,
    SEVERITY_WORDS,
    STATUS_WORDS,
    VETO_WORDS,
    class_word,
    end_reason_word,
)


def _extended(value: Any) -> Any:
    """The JSON value with a field that no receiver knows in each of its objects."""
    if isinstance(value, dict):
        return {**{key: _extended(part) for key, part in value.items()}, "x_later": {"deep": [1, None, "…"]}}
    if isinstance(value, list):
        return [_extended(part) for part in value]
    return value


@pytest.mark.parametrize("payload", EXAMPLES, ids=lambda payload: type(payload).__name__)
def test_a_payload_survives_the_wire(payload: Payload) -> None:
    assert decode(encode(payload), type(payload)) == payload


def test_every_kind_of_topic_has_its_payload_and_example() -> None:
    assert set(PAYLOAD_BY_KIND) == set(TopicKind)
    assert {type(example) for example in EXAMPLES} == set(PAYLOAD_TYPES) == set(PAYLOAD_BY_KIND.values())
    assert decode_for(TopicKind.EVENT, encode(ALERT)) == ALERT


@pytest.mark.parametrize("payload", EXAMPLES, ids=lambda payload: type(payload).__name__)
def test_fields_of_a_later_minor_version_are_ignored(payload: Payload) -> None:
    wire = json.loads(encode(payload))
    counters = wire.pop("counters", None)
    later = _extended(wire) | {"schema": "1.7"} | ({} if counters is None else {"counters": counters})
    assert decode(json.dumps(later).encode(), type(payload)) == replace(payload, schema="1.7")


def test_open_codes_of_a_later_version_are_accepted_and_closed_ones_are_not() -> None:
    later = replace(ALERT, event_class="tyre_screech", end_reason="power_lost", phase=Phase.END)
    assert decode(encode(later), Alert) == later
    wire = encode(ALERT)
    for old, new in ((b'"start"', b'"pause"'), (b'"medium"', b'"huge"'), (b'"1.2"', b'"2.0"')):
        assert isinstance(decode(wire.replace(old, new), Alert), BadPayload)


def test_optional_fields_stay_away_until_they_say_something() -> None:
    assert {"durable", "timeline", "prev_hash", "sig"}.isdisjoint(json.loads(encode(ALERT)))
    timeline = Timeline(
        start_utc="2026-03-14T22:41:07.250Z", step_s=0.125, scores=(0.1, 0.9), laeq_db=(60.0, 78.0)
    )
    fuller = replace(ALERT, durable=False, timeline=timeline, prev_hash="00", sig="00")
    assert json.loads(encode(fuller))["durable"] is False
    assert decode(encode(fuller), Alert) == fuller


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"42",
        b"{",
        b"\xff\xfe",
        b'{"type": "\xff"}',
        b'{"type": "gateway_status"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type": "alert", "schema": "1.0"}',
    ],
)
def test_bytes_that_are_no_alert_come_back_as_a_value(raw: bytes) -> None:
    bad = decode(raw, Alert)
    assert isinstance(bad, BadPayload)
    assert bad.raw == raw
    assert bad.reason


def test_fuzzed_bytes_are_an_alert_or_a_value() -> None:
    rng = random.Random(11)
    wire = encode(ALERT)
    for _ in range(3000):
        raw = bytearray(wire)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(raw))
            raw[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        assert isinstance(decode(bytes(raw), Alert), Alert | BadPayload)


@pytest.mark.parametrize(
    "wrong",
    [
        {"laeq_db": math.nan},
        {"laeq_db": math.inf},
        {"laeq_db": 300.0},
        {"score": 1.0001},
        {"event_id": "5D1C"},
        {"revision": -1},
        {"event_class": "Scream"},
        {"site": "a/b"},
        {"published_utc": "2026-03-14T22:41:08Z"},
        {"sound_onset_utc": "yesterday"},
        {"count": 0},
    ],
    ids=str,
)
def test_what_breaks_the_contract_never_leaves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Alert breaks the contract"):
        encode(replace(ALERT, **wrong))


def test_levels_come_no_faster_than_once_a_second() -> None:
    with pytest.raises(ValueError, match="period_s"):
        encode(replace(SENSOR_LEVEL, period_s=0.125))


def test_payloads_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ALERT.revision = 2  # type: ignore[misc]
    assert isinstance(ALERT, msgspec.Struct)


def test_utc_is_rounded_to_the_millisecond_and_reads_back() -> None:
    assert utc_text(0.0) == "1970-01-01T00:00:00.000Z"
    assert utc_text(1773528067.2504) == "2026-03-14T22:41:07.250Z"
    assert utc_text(1773528067.9996) == "2026-03-14T22:41:08.000Z"
    assert utc_text(-62135596800.0) == "0001-01-01T00:00:00.000Z"
    assert utc_seconds("2026-03-14T22:41:07.250Z") == 1773528067.25
    assert utc_seconds("2026-03-14T23:41:07.250+01:00") == 1773528067.25
    for bad in ("2026-03-14T22:41:07.250", "soon"):
        with pytest.raises(ValueError, match=bad):
            utc_seconds(bad)
    for far in (1e15, -1e15, math.inf, math.nan):
        with pytest.raises(ValueError, match=r"year|NaN"):
            utc_text(far)


def test_severities_compare_by_rank() -> None:
    assert sorted(("high", "low", "medium"), key=lambda code: severity_rank(Severity(code)))[::2] == [
        "low",
        "high",
    ]


def test_every_code_has_its_words_in_both_languages() -> None:
    for words, codes in (
        (CLASS_WORDS, vocabulary.EventClass),
        (PHASE_WORDS, vocabulary.Phase),
        (SEVERITY_WORDS, vocabulary.Severity),
        (PRIORITY_WORDS, vocabulary.Priority),
        (STATUS_WORDS, vocabulary.Status),
        (END_REASON_WORDS, vocabulary.EndReason),
        (SENSOR_STATE_WORDS, vocabulary.SensorState),
        (MODE_WORDS, vocabulary.Mode),
        (CLOCK_WORDS, vocabulary.ClockState),
        (VETO_WORDS, vocabulary.VetoCode),
    ):
        assert set(words) - {vocabulary.PATH_TEST} == {code.value for code in codes}
        assert all(english and dutch for english, dutch in words.values())
    assert class_word("scream", "nl") == "gil"
    assert class_word("tyre_screech", "nl") == "tyre_screech"
    assert end_reason_word("cleared", "en") == "it is over"
    with pytest.raises(ValueError, match="fy"):
        class_word("scream", "fy")
