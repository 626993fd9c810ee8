"""Every row of the compliance table keeps its limits, and the committed table is the measured one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import dsp
from tests.dsp import limits
from tests.dsp.compliance import SECTIONS, Row

COMMITTED = (Path(dsp.__file__).parent / "COMPLIANCE.md").read_text(encoding="utf-8")
_LINE = re.compile(r"^\| (?P<quantity>[^|]+) \| [^|]+ \| (?P<ours>[-+0-9.]+) \| yes \|$", re.MULTILINE)


@pytest.mark.parametrize(("title", "measure"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_rows_keep_their_limits_and_match_the_committed_table(
    title: str, measure: Callable[[], list[Row]]
) -> None:
    rows = measure()
    assert [row.quantity for row in rows if not row.passes] == []
    committed = {line["quantity"]: float(line["ours"]) for line in _LINE.finditer(COMMITTED)}
    assert f"## {title}\n" in COMMITTED
    for row in rows:
        assert committed[row.quantity] == pytest.approx(row.deviation, abs=0.03), row.quantity
        if title[0] in "AC" and "weighting" in row.quantity:
            assert row.part_of_limit <= limits.PART_OF_LIMIT, row.quantity


def test_the_claim_is_about_the_chain_and_not_a_meter() -> None:
    assert "the digital chain passes the electrical tests" in COMMITTED
    assert "class 1 meter" not in COMMITTED.lower()
