"""What the log says of the paths."""

from __future__ import annotations

import logging

import pytest

from gateway.delivery.broker_link import LinkPhase, LinkState
from gateway.link_log import LinkLog


def test_a_path_is_said_to_be_gone_once_and_back_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    link_log = LinkLog()
    for attempt in range(50):
        link_log.told(LinkState(LinkPhase.CONNECTING, attempt, "mqtt://b:1"))
        refused = LinkState(LinkPhase.UNREACHABLE, attempt, "mqtt://b:1", detail="refused", retry_in_s=3.0)
        link_log.told(refused)
    link_log.told(LinkState(LinkPhase.UNAUTHORISED, 51, "mqtt://b:1", detail="bad password"))
    link_log.told(LinkState(LinkPhase.CONNECTED, 52, "mqtt://b:1"))
    link_log.told(LinkState(LinkPhase.UNREACHABLE, 53, "mqtt://b:1", detail="refused"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO", "WARNING"]
    assert "cannot be reached" in caplog.records[0].message


def test_each_path_has_a_word_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    link_log = LinkLog()
    for path in ("primary", "backup"):
        link_log.told(LinkState(LinkPhase.CONNECTED, 1, "mqtt://b:1", path=path))
    link_log.told(LinkState(LinkPhase.CONNECTED, 2, "mqtt://b:1", detail="receipts are refused", hears=False))
    assert [record.message.split()[0] for record in caplog.records] == ["primary", "backup", "primary"]
    assert caplog.records[-1].levelname == "WARNING"
