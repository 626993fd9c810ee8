"""The settings of a gateway: every key with its type, bounds, default and meaning.

This file and settings_decision are the only places where a key is declared. The loader, the error texts, the
reference (config/SETTINGS.md) and the JSON Schema all come from these types. Numbers carry their unit in the
name of the key. Read a file with `settings_load.load_settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.secret import Secret
from gateway.settings.decision import DecisionSettings

Identifier = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$", min_length=1, max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """This gateway."""

    site: Annotated[
        Identifier, Meta(description="The site, as it stands in topics.", examples=["stationsplein"])
    ]
    id: Annotated[Identifier, Meta(description="This gateway, unique within the site.", examples=["gw-1"])]
    language: Annotated[
        Literal["nl", "en"], Meta(description="Language of what the command line tells a person.")
    ] = "nl"
    status: Annotated[
        Literal["Actual", "Exercise", "Test"],
        Meta(description="Stands in every alert; only Actual counts in reports and calls people out."),
    ] = "Actual"
    data_dir: Annotated[
        Text, Meta(description="Where outbox and calibration records are kept. Must survive a reboot.")
    ] = "/var/lib/aggression-gateway"


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Encryption to the broker. The table's presence turns it on."""

    ca: Annotated[
        Text | None,
        Meta(
            description="Certificate file of who signed the broker's. Left out: the system's own list.",
            examples=["ca.pem"],
        ),
    ] = None
    cert: Annotated[
        Text | None, Meta(description="This gateway's own certificate. Needs `key`.", examples=["gw-1.pem"])
    ] = None
    key: Annotated[Text | None, Meta(description="The private key of `cert`.", examples=["gw-1.key"])] = None


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An MQTT broker that alerts go to. [backup_broker]: a second one, used while the first fails."""

    host: Annotated[Text, Meta(description="Name or address.", examples=["broker.example.org"])] = "localhost"
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | None,
        Meta(description="TCP port. Left out: 8883 with TLS, 1883 without.", examples=[8883]),
    ] = None
    username: Annotated[Text | None, Meta(description="Left out: no login.", examples=["gw-1"])] = None
    password_file: Annotated[
        Text | None,
        Meta(description="File whose first line is the password.", examples=["broker-password"]),
    ] = None
    password: Annotated[
        Secret | None,
        Meta(description="The password itself; `password_file` keeps it out of this file."),
    ] = None
    protocol: Annotated[Literal["5", "3.1.1"], Meta(description="MQTT version that this broker speaks.")] = (
        "5"
    )
    keep_alive_s: Annotated[
        int,
        Meta(
            ge=2,
            le=10,
            description="Silent for 1.5 times this plus will_delay_s, the broker calls the gateway offline.",
        ),
    ] = 6
    will_delay_s: Annotated[
        int,
        Meta(ge=0, le=5, description="A connection back within this time was never offline (MQTT 5)."),
    ] = 4
    tls: TlsSettings | None = None

    @property
    def effective_port(self) -> int:
        if self.port is not None:
            return self.port
        return 1883 if self.tls is None else 8883


class DeliverySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an alert counts as delivered, and how the way there is watched."""

    confirm: Annotated[
        Literal["receipt", "puback"],
        Meta(
            description="receipt: every named receiver says it has the alert. puback: the broker's word is "
            "enough; choose it only where no receiver gives receipts."
        ),
    ] = "receipt"
    receivers: Annotated[
        tuple[Identifier, ...],
        Meta(description="Receivers that must have every alert, all of them.", examples=[["meldkamer"]]),
    ] = ()
    heartbeat_s: Annotated[
        float, Meta(ge=0.5, le=5, description="A sign of life on every path, answered by every receiver.")
    ] = 2.0
    historical_after_s: Annotated[
        float,
        Meta(ge=5, le=600, description="An alert that waited longer is marked historical and does not ring."),
    ] = 30.0
    test_alert_every_h: Annotated[
        float,
        Meta(ge=0, le=168, description="A test alert runs the whole way so often (status Test); 0: never."),
    ] = 24.0


class IncidentSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several sensors that hear one thing. On one gateway that takes the places of sensors and no more."""

    neighbours: Annotated[
        tuple[Identifier, ...],
        Meta(
            description="Gateways of this site whose alerts this one listens to, so that both name one "
            "incident alike; the broker must let it read their events.",
            examples=[["gw-2"]],
        ),
    ] = ()


class StorageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept on disk beside alerts. Alerts have no bound here: they are never shed."""

    flush_s: Annotated[
        float, Meta(ge=1, le=300, description="Telemetry is written so often; a crash loses at most that.")
    ] = 60.0
    telemetry_mb: Annotated[
        int, Meta(ge=1, le=10_000, description="Bound of the seven days of scores and levels, oldest go.")
    ] = 200
    records_mb: Annotated[
        int,
        Meta(ge=1, le=1000, description="Bound of what waits beside alerts, telemetry goes first."),
    ] = 50


class PortSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One serial line, or several by a pattern. Which sensor is at its end does not matter."""

    url: Annotated[
        Text,
        Meta(
            description="Device path, pattern of paths, or pyserial URL such as socket://host:port.",
            examples=["/dev/serial/by-id/*"],
        ),
    ]
    baud: Annotated[int, Meta(ge=9600, le=4_000_000, description="Bits per second of the line.")] = 115200


class PlaceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a sensor hangs; goes into each of its alerts."""

    lat_deg: Annotated[
        Annotated[float, Meta(ge=-90, le=90)] | None,
        Meta(description="Latitude, WGS 84, north positive.", examples=[52.3791]),
    ] = None
    lon_deg: Annotated[
        Annotated[float, Meta(ge=-180, le=180)] | None,
        Meta(description="Longitude, WGS 84, east positive.", examples=[4.8994]),
    ] = None
    zone: Annotated[Text | None, Meta(description="Zone as operators call it.", examples=["noordzijde"])] = (
        None
    )
    address: Annotated[Text | None, Meta(description="Street address.", examples=["Stationsplein 1"])] = None
    cameras: Annotated[
        tuple[Text, ...], Meta(description="Nearest cameras, nearest first.", examples=[["cam-12"]])
    ] = ()


class SensorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place with a sensor: binds a lasting id to the serial number of the sensor that hangs there now."""

    id: Annotated[
        Identifier,
        Meta(description="Lasting id of the place, as it stands in topics.", examples=["noord"]),
    ]
    serial: Annotated[
        Text, Meta(description="Serial number that the sensor says in its hello.", examples=["AS-000123"])
    ]
    enabled: Annotated[bool, Meta(description="false: shown, but raises no alert.")] = True
    known_sounds: Annotated[
        tuple[Identifier, ...],
        Meta(
            description="Labels at home here (a carillon: bell_phone), which speak against alerts.",
            examples=[["bell_phone"]],
        ),
    ] = ()
    ignore_vetoes: Annotated[
        tuple[Literal["wind", "rain", "overload", "handling", "siren", "known_sound"], ...],
        Meta(description="Reasons against a sound that are not looked for here.", examples=[["wind"]]),
    ] = ()
    place: PlaceSettings = field(default_factory=PlaceSettings)


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model that scores sounds."""

    package: Annotated[
        Text,
        Meta(
            description='Folder of a model package ("./open" is one), or a supplied one by name: "default"; '
            '"open": trained on redistributable sound alone; "default-int8", "open-int8": the same in 8 '
            'bits, a third as large; "none": levels only.'
        ),
    ] = "default"


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway's own log."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least serious entry that is kept.")
    ] = "info"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One settings file."""

    gateway: GatewaySettings
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    backup_broker: BrokerSettings | None = None
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    port: tuple[PortSettings, ...] = ()
    sensor: tuple[SensorSettings, ...] = ()
    model: ModelSettings = field(default_factory=ModelSettings)
    decision: DecisionSettings = field(default_factory=DecisionSettings)
    log: LogSettings = field(default_factory=LogSettings)
