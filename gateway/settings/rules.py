"""What single keys cannot say: settings that contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.decisions.rules import DEFAULT_RULES
from gateway.settings.check import Problem
from gateway.settings.decision import DecisionSettings
from gateway.settings.kinds import toml_value
from gateway.settings.rules_in_force import ORDERED_PAIRS, SetKey, built_in, set_keys
from gateway.settings.schema import BrokerSettings, DeliverySettings, PortSettings, SensorSettings, Settings
from gateway.settings.toml_locator import KeyPath

RESERVED_PREFIXES = ("unbound-", "refused-")  # topics of sensors that no setting binds


def check_rules(settings: Settings) -> list[Problem]:
    """Everything that contradicts, in the order of the sections."""
    return [
        *_broker(settings.broker, "broker"),
        *(() if settings.backup_broker is None else _broker(settings.backup_broker, "backup_broker")),
        *_one_broker(settings),
        *_delivery(settings.delivery),
        *_ports(settings.port),
        *_sensors(settings.sensor),
        *_decisions(settings.decision),
    ]


def _delivery(delivery: DeliverySettings) -> Iterator[Problem]:
    where = ("delivery",)
    if delivery.confirm == "receipt" and not delivery.receivers:
        what = "names nobody who must have received an alert"
        fix = 'Write receivers = ["NAME"], or confirm = "puback" if the broker\'s word is to be enough'
        yield Problem(where, what, fix)
    if delivery.confirm == "puback" and delivery.receivers:
        fix = 'Remove receivers, or write confirm = "receipt"'
        yield Problem((*where, "receivers"), 'would not be waited for with confirm = "puback"', fix)
    if len(set(delivery.receivers)) < len(delivery.receivers):
        yield Problem((*where, "receivers"), "names a receiver twice", "Remove one of the two")


def _one_broker(settings: Settings) -> Iterator[Problem]:
    first, second = settings.broker, settings.backup_broker
    if second is not None and (first.host, first.effective_port) == (second.host, second.effective_port):
        what = "is the broker that [broker] names already"
        yield Problem(("backup_broker", "host"), what, "Name a second broker, or remove [backup_broker]")


def _broker(broker: BrokerSettings, table: str) -> Iterator[Problem]:
    if broker.password is not None and broker.password_file is not None:
        yield Problem((table, "password"), "is given twice", "Keep password_file and remove password")
    if broker.username is None:
        for key in ("password", "password_file"):
            if getattr(broker, key) is not None:
                yield Problem((table, key), "needs a user name to go with it", "Add username")
    if broker.tls is not None and (broker.tls.cert is None) != (broker.tls.key is None):
        given, lacking = ("cert", "key") if broker.tls.key is None else ("key", "cert")
        yield _alone((table, "tls"), given, lacking)


def _ports(ports: tuple[PortSettings, ...]) -> Iterator[Problem]:
    yield from _twice("port", "url", [port.url for port in ports], "Remove one of the two")


def _sensors(sensors: tuple[SensorSettings, ...]) -> Iterator[Problem]:
    yield from _twice("sensor", "id", [sensor.id for sensor in sensors], "Give each place its own id")
    fix = "A sensor hangs in one place: correct or remove one of the two"
    yield from _twice("sensor", "serial", [sensor.serial for sensor in sensors], fix)
    for index, sensor in enumerate(sensors):
        where = ("sensor", index)
        if sensor.id.startswith(RESERVED_PREFIXES):
            what = f"{toml_value(sensor.id)} looks like the id of a sensor without a place"
            yield Problem((*where, "id"), what, "Let it begin otherwise than with unbound- or refused-")
        place = sensor.place
        if (place.lat_deg is None) != (place.lon_deg is None):
            given, lacking = ("lat_deg", "lon_deg") if place.lon_deg is None else ("lon_deg", "lat_deg")
            yield _alone((*where, "place"), given, lacking)


def _decisions(decision: DecisionSettings) -> Iterator[Problem]:
    told: set[tuple[str, ...]] = set()
    for name in DEFAULT_RULES:
        for problem in _rule(name, set_keys(decision, name)):
            key = tuple(str(part) for part in problem.path)
            if key not in told:  # one key under [decision] is wrong once, not once per class
                told.add(key)
                yield problem


def _rule(name: str, keys: Mapping[str, SetKey]) -> Iterator[Problem]:
    if "off_score" in keys and "on_score" not in keys:
        *table, _ = keys["off_score"].path
        yield _alone(tuple(table), "off_score", "on_score")
        return
    for low, high in ORDERED_PAIRS:
        given = keys.get(low) or keys.get(high)
        # A new on_score alone takes off_score along in proportion.
        if given is None or (low == "off_score" and low not in keys):
            continue
        lower = keys[low].value if low in keys else built_in(name, low)
        upper = keys[high].value if high in keys else built_in(name, high)
        if lower > upper:
            what = f"{low} = {lower:g} exceeds {high} = {upper:g} (of {name})"
            yield Problem(given.path, what, f"Lower {low} or raise {high}")


def _alone(table: KeyPath, given: str, lacking: str) -> Problem:
    return Problem((*table, given), f"needs {lacking} as well", f"Add {lacking} or remove {given}")


def _twice(section: str, key: str, values: list[str], fix: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(value, index) != index:
            earlier = (section, first[value], key)
            yield Problem((section, index, key), f"{toml_value(value)} is in use already", fix, earlier)
