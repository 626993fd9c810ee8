"""TLS to a real broker: who is trusted, who is not, and a certificate renewed while we run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.delivery.backoff import BackoffRule
from gateway.delivery.broker_link import BrokerOptions, LinkPhase, LinkState, TlsFiles
from gateway.delivery.mqtt import MqttLink, probe
from tests.support.broker import HOST, MosquittoBroker
from tests.support.certificates import Authority, Files
from tests.support.waiting import Collector

DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Files:
    return authority.issue(HOST)


@pytest.fixture(scope="module")
def client(authority: Authority) -> Files:
    return authority.issue("gw-1", seed=3)


def broker(server: Files, *options: str) -> MosquittoBroker:
    return MosquittoBroker(f"certfile {server.cert}", f"keyfile {server.key}", *options, speaks_tls=True)


def options(port: int, tls: TlsFiles) -> BrokerOptions:
    return BrokerOptions(HOST, port, "gw-1", tls=tls, backoff=BackoffRule(0.01, 0.05), answer_s=20.0)


def test_a_broker_of_the_right_authority_is_trusted(authority: Authority, server: Files) -> None:
    with broker(server) as running:
        assert probe(options(running.port, TlsFiles(ca=authority.ca)), DEADLINE_S).connected


def test_a_broker_of_another_authority_is_not(tmp_path: Path, server: Files) -> None:
    other = Authority(tmp_path, "another authority", seed=4)
    with broker(server) as running:
        state = probe(options(running.port, TlsFiles(ca=other.ca)), DEADLINE_S)
        assert state.phase is LinkPhase.UNTRUSTED
        assert "CERTIFICATE_VERIFY_FAILED" in state.detail


@pytest.mark.parametrize(
    "issue",
    [
        lambda authority: authority.issue("broker.example.org", seed=2),
        lambda authority: authority.issue(HOST, days=(-30, -1), seed=2),
        lambda authority: authority.issue(HOST, days=(2, 30), seed=2),
    ],
    ids=["another name", "expired", "not valid yet"],
)
def test_a_certificate_that_does_not_hold_is_not_trusted(
    authority: Authority, issue: Callable[[Authority], Files]
) -> None:
    with broker(issue(authority)) as running:
        state = probe(options(running.port, TlsFiles(ca=authority.ca)), DEADLINE_S)
        assert state.phase is LinkPhase.UNTRUSTED
        assert state.detail


def test_a_broker_may_ask_for_our_certificate(authority: Authority, server: Files, client: Files) -> None:
    with broker(server, f"cafile {authority.ca}", "require_certificate true") as running:
        with_own = TlsFiles(authority.ca, client.cert, client.key)
        assert probe(options(running.port, with_own), DEADLINE_S).connected
        assert not probe(options(running.port, TlsFiles(authority.ca)), DEADLINE_S).connected


def test_without_tls_a_tls_broker_is_not_a_broker(server: Files, authority: Authority) -> None:
    with broker(server) as running:
        plain = replace(options(running.port, TlsFiles()), tls=None)
        assert probe(plain, DEADLINE_S).phase is LinkPhase.REFUSED


def test_a_renewed_file_counts_at_the_next_attempt(
    tmp_path: Path, authority: Authority, server: Files
) -> None:
    wrong = Authority(tmp_path, "another authority", seed=4)
    ca = tmp_path / "ca.pem"
    shutil.copy(wrong.ca, ca)
    seen: Collector[object] = Collector()
    with broker(server) as running:
        link = MqttLink(options(running.port, TlsFiles(ca=ca)), seen.add, lambda *told: seen.add(told))
        link.start()
        seen.first(lambda state: isinstance(state, LinkState) and state.phase is LinkPhase.UNTRUSTED)
        shutil.copy(authority.ca, ca)
        seen.first(lambda state: isinstance(state, LinkState) and state.connected)
        assert link.stop()
