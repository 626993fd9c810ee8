"""From the settings' words for a broker to what the connection needs."""

from __future__ import annotations

from gateway.delivery.broker_link import BrokerOptions, TlsFiles
from gateway.settings.load import LoadedSettings


def broker_options(loaded: LoadedSettings, client_id: str) -> BrokerOptions:
    """Without a last will. Raises GatewayError when the password's file cannot be read."""
    broker = loaded.values.broker
    return BrokerOptions(
        host=broker.host,
        port=broker.effective_port,
        client_id=client_id,
        username=broker.username,
        password=loaded.broker_password(),
        tls=_tls_files(loaded),
        keep_alive_s=broker.keep_alive_s,
    )


def _tls_files(loaded: LoadedSettings) -> TlsFiles | None:
    tls = loaded.values.broker.tls
    if tls is None:
        return None
    ca, cert, key = (None if name is None else loaded.resolve(name) for name in (tls.ca, tls.cert, tls.key))
    return TlsFiles(ca, cert, key)
