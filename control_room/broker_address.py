"""Where the broker is and how to get in, from a URL and files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """One broker. tls: encrypted, checked against `ca` or, without it, the system's own list.

    mqtt5: false for a broker that speaks MQTT 3.1.1 only.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    mqtt5: bool = True

    @property
    def where(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_url(url: str) -> BrokerAddress:
    """`mqtt://host[:port]`, or `mqtts://` for TLS. Raises ValueError that says what is wrong.

    A password in a URL ends up in lists of processes and shell histories, so it is refused.
    """
    parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"{parts.scheme}:// is no broker address: write mqtt://host or mqtts://host")
    if parts.password is not None:
        raise ValueError("no password in the address, please: put it in a file (--password-file)")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("write the broker as mqtt://host:port")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port of the broker is a number from 1 to 65535") from None
    if port == 0:
        raise ValueError("the port of the broker is a number from 1 to 65535")
    return BrokerAddress(
        parts.hostname, port or DEFAULT_PORTS[parts.scheme], parts.scheme == "mqtts", parts.username
    )
