"""Broker addresses as people write them."""

from __future__ import annotations

import pytest

from control_room.broker_address import BrokerAddress, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883)),
        ("mqtt://broker:2883", BrokerAddress("broker", 2883)),
        ("mqtts://broker", BrokerAddress("broker", 8883, tls=True)),
        ("mqtts://room@broker:9", BrokerAddress("broker", 9, tls=True, username="room")),
        ("broker", BrokerAddress("broker", 1883)),
        ("10.0.0.7:1884", BrokerAddress("10.0.0.7", 1884)),
        ("mqtt://[::1]:1883/", BrokerAddress("::1", 1883)),
    ],
)
def test_addresses(url: str, expected: BrokerAddress) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://broker", "no broker address"),
        ("ws://broker", "no broker address"),
        ("mqtt://", "mqtt://host:port"),
        ("", "mqtt://host:port"),
        ("mqtt://broker/topic", "mqtt://host:port"),
        ("mqtt://broker:99999", "1 to 65535"),
        ("mqtt://broker:0", "1 to 65535"),
        ("mqtt://broker:x", "1 to 65535"),
        ("mqtt://room:secret@broker", "--password-file"),
    ],
)
def test_what_is_no_address_is_said(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(BrokerAddress("broker", 1883, password="secret"))
