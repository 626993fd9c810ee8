"""From the settings' words for brokers and delivery to what the publisher needs."""

from __future__ import annotations

from gateway.contract.topics import subscription
from gateway.delivery.broker_link import BrokerOptions, TlsFiles
from gateway.delivery.courier import CourierRules
from gateway.delivery.publisher import PublisherRules
from gateway.delivery.window import WindowRules
from gateway.settings.load import LoadedSettings
from gateway.settings.schema import BrokerSettings, Settings, TlsSettings


def broker_options(
    loaded: LoadedSettings, client_id: str, broker: BrokerSettings | None = None
) -> BrokerOptions:
    """broker: None for the first one. Without a last will. Raises GatewayError for a password unreadable."""
    broker = broker or loaded.values.broker
    return BrokerOptions(
        host=broker.host,
        port=broker.effective_port,
        client_id=client_id,
        username=broker.username,
        password=loaded.password_of(broker),
        tls=None if broker.tls is None else _tls_files(loaded, broker.tls),
        keep_alive_s=broker.keep_alive_s,
        will_delay_s=broker.will_delay_s,
        mqtt5=broker.protocol == "5",
    )


def publisher_rules(values: Settings) -> PublisherRules:
    delivery = values.delivery
    return PublisherRules(
        records_bytes=values.storage.records_mb * 1_000_000,
        courier=CourierRules(
            receivers=delivery.receivers,
            heartbeat_s=delivery.heartbeat_s,
            historical_after_s=delivery.historical_after_s,
            test_every_s=delivery.test_alert_every_h * 3600.0,
            window=WindowRules(receivers=frozenset(delivery.receivers)),
        ),
    )


def neighbour_topics(values: Settings) -> tuple[str, ...]:
    """The events of the neighbours that the settings name, and of nobody else."""
    site, own = values.gateway.site, values.gateway.id
    names = [name for name in values.incidents.neighbours if name != own]
    return tuple(subscription(site, name, "event/+") for name in names)


def _tls_files(loaded: LoadedSettings, tls: TlsSettings) -> TlsFiles:
    ca, cert, key = (None if name is None else loaded.resolve(name) for name in (tls.ca, tls.cert, tls.key))
    return TlsFiles(ca, cert, key)
