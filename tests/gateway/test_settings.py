from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from gateway.contract.vocabulary import EventClass
from gateway.decisions.rules import DEFAULT_RULES
from gateway.errors import GatewayError
from gateway.resources import config_root
from gateway.secret import Secret
from gateway.settings.effective import effective
from gateway.settings.load import LoadedSettings, load_settings, parse_settings
from gateway.settings.reference import reference, schema
from gateway.settings.rules_in_force import rules_in_force
from gateway.settings.schema import BrokerSettings, TlsSettings

HEAD = "[gateway]\nsite = 'plein'\nid = 'gw-1'\n"
EXAMPLE = config_root() / "gateway.example.toml"


DELIVERY = "[delivery]\nconfirm = 'puback'\n"  # the choice that no file can leave open


def parsed(text: str) -> LoadedSettings:
    return parse_settings(HEAD + text + DELIVERY, Path("/etc/agw/gw.toml"))


def _password(loaded: LoadedSettings) -> Secret | None:
    return loaded.password_of(loaded.values.broker)


def test_the_smallest_file_has_all_defaults() -> None:
    values = parsed("").values
    assert (values.gateway.site, values.gateway.language, values.gateway.status) == ("plein", "nl", "Actual")
    assert (values.broker.host, values.broker.effective_port, values.broker.tls) == ("localhost", 1883, None)
    assert (values.port, values.sensor, values.model.package) == ((), (), "default")


def test_what_the_file_says_arrives() -> None:
    loaded = load_settings(EXAMPLE)
    first, second = loaded.values.sensor
    assert (first.id, first.serial, first.place.lat_deg) == ("noord", "AS-000123", 52.3791)
    assert second.place.cameras == ("cam-21",)
    assert loaded.values.port[0].url == "/dev/serial/by-id/*"
    assert loaded.values.broker.effective_port == 8883


def test_whole_numbers_may_stand_for_others_but_not_the_other_way() -> None:
    assert parsed("[decision]\nhold_s = 3\n").values.decision.hold_s == 3.0


def test_port_follows_encryption_unless_given() -> None:
    assert BrokerSettings(tls=TlsSettings()).effective_port == 8883
    assert BrokerSettings(tls=TlsSettings(), port=1884).effective_port == 1884


def test_paths_are_relative_to_the_settings_file() -> None:
    loaded = parsed("data_dir = 'state'\n")
    assert loaded.data_dir == Path("/etc/agw/state")
    assert parsed("").data_dir == Path("/var/lib/aggression-gateway")


class TestBrokerPassword:
    def test_from_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("hunter2\nmore\n", encoding="utf-8")
        broker = "[broker]\nusername='u'\npassword_file='secret'\n"
        (tmp_path / "gw.toml").write_text(HEAD + broker + DELIVERY)
        password = _password(load_settings(tmp_path / "gw.toml"))
        assert password is not None
        assert password.reveal() == "hunter2"

    def test_none(self) -> None:
        assert _password(parsed("")) is None

    @pytest.mark.parametrize(
        ("content", "message"), [(None, "No such file"), (b"", "first line"), (b"\xff", "UTF-8")]
    )
    def test_file_missing_empty_or_no_text(self, tmp_path: Path, content: bytes | None, message: str) -> None:
        path = tmp_path / "secret"
        if content is not None:
            path.write_bytes(content)
        loaded = parsed(f"[broker]\nusername='u'\npassword_file='{path}'\n")
        with pytest.raises(GatewayError, match=message) as caught:
            _password(loaded)
        assert caught.value.where == str(path)

    def test_never_shown(self) -> None:
        loaded = parsed("[broker]\nusername='u'\npassword='hunter2'\n")
        assert _password(loaded) == Secret("hunter2")
        shown = [effective(loaded), repr(loaded), str(loaded.values.broker.password), f"{loaded.values}"]
        assert not any("hunter2" in text for text in shown)
        assert 'password = "***"' in shown[0]


class TestEffective:
    TEXT = (
        "[broker]\nport = 1885\n[decision]\nhold_s = 7\n[decision.shout]\non_score = 0.8\n"
        "[decision.gunshot]\nenabled = false\n[decision.loud]\nenabled = true\n"
    )

    def test_reads_as_the_same_settings(self) -> None:
        for text in ("", self.TEXT):
            loaded = parsed(text)
            again = parse_settings(effective(loaded), loaded.path)
            thresholds = {"scream": 0.37}
            assert rules_in_force(again.values.decision, thresholds) == rules_in_force(
                loaded.values.decision, thresholds
            )
            assert again.values.broker == loaded.values.broker
            assert again.values.gateway == loaded.values.gateway

    def test_example_reads_as_the_same_settings(self) -> None:
        loaded = load_settings(EXAMPLE)
        again = parse_settings(effective(loaded), EXAMPLE).values
        assert (again.sensor, again.port, again.broker) == (
            loaded.values.sensor,
            loaded.values.port,
            loaded.values.broker,
        )

    def test_says_what_is_default_and_where_the_rest_comes_from(self) -> None:
        lines = effective(parsed(self.TEXT)).splitlines()
        assert 'language = "nl"  # default' in lines
        assert "port = 1885" in lines
        shout = lines[lines.index("[decision.shout]") :]
        assert shout[:5] == [
            "[decision.shout]",
            "enabled = true  # default",
            "on_score = 0.8",
            f"off_score = {0.8 * 0.4 / 0.6}  # default",
            "required_s = 0.5  # default",
        ]
        assert "hold_s = 7.0  # from [decision]" in shout
        scream = lines[lines.index("[decision.scream]") :]
        assert scream[2] == "# on_score: the model's own, else 0.6"


class TestRulesInForce:
    def test_without_settings_they_are_the_built_in_ones(self) -> None:
        assert rules_in_force(parsed("").values.decision, {}) == dict(DEFAULT_RULES)

    def test_the_models_threshold_holds_unless_the_settings_say_otherwise(self) -> None:
        decision = parsed("[decision.shout]\non_score = 0.8\noff_score = 0.7\n").values.decision
        rules = rules_in_force(decision, {"shout": 0.3, "scream": 0.3})
        assert (rules["shout"].on_score, rules["shout"].off_score) == (0.8, 0.7)
        assert rules["scream"].on_score == 0.3
        assert rules["scream"].off_score == pytest.approx(0.2)

    def test_own_keys_come_before_those_for_every_class(self) -> None:
        decision = parsed(
            "[decision]\nhold_s = 7\nfloor_severity = 'high'\n[decision.shout]\nhold_s = 9\n"
        ).values.decision
        rules = rules_in_force(decision, {})
        assert (rules["shout"].hold_s, rules["gunshot"].hold_s) == (9.0, 7.0)
        assert rules["shout"].floor_severity == "high"

    def test_a_class_can_be_switched_off_and_loud_on(self) -> None:
        decision = parsed(
            "[decision.shout]\nenabled = false\n[decision.loud]\nenabled = true\nlevel_db = 80\nfor_s = 2\n"
        ).values.decision
        rules = rules_in_force(decision, {})
        assert set(rules) == {"scream", "glass_break", "gunshot", "loud"}
        loud = rules["loud"]
        assert (loud.by_level, loud.min_level_db, loud.required_s) == (True, 80.0, 2.0)

    def test_every_class_has_a_section(self) -> None:
        for event_class in EventClass:
            parsed(f"[decision.{event_class.value}]\nenabled = true\n")

    @pytest.mark.parametrize("for_s", [0.125, 2880])
    @pytest.mark.parametrize("level_db", [0, 140])
    def test_the_bounds_of_loud_are_those_of_its_rule(self, for_s: float, level_db: float) -> None:
        text = f"[decision.loud]\nenabled = true\nfor_s = {for_s}\nlevel_db = {level_db}\n"
        assert "loud" in rules_in_force(parsed(text).values.decision, {})

    @pytest.mark.parametrize(
        "text",
        [
            "on_score = 0.001\noff_score = 0.001",
            "on_score = 1\noff_score = 1",
            "window_s = 0.1\nrequired_s = 0",
            "window_s = 10\nrequired_s = 10",
            "hold_s = 1",
            "hold_s = 600",
            "min_level_db = 0",
            "min_level_db = 140",
            "min_above_ambient_db = -20",
            "min_above_ambient_db = 60",
            "medium_above_db = -20\nhigh_above_db = -20",
            "medium_above_db = 100\nhigh_above_db = 100",
            "medium_level_db = 0\nhigh_level_db = 0",
            "medium_level_db = 160\nhigh_level_db = 160",
        ],
    )
    def test_the_bounds_of_settings_are_those_of_the_rules(self, text: str) -> None:
        rules_in_force(parsed(f"[decision]\n{text}\n").values.decision, {"shout": 0.9, "scream": 0.01})


class TestGenerated:
    def test_committed_reference_is_the_generated_one(self) -> None:
        committed = (config_root() / "SETTINGS.md").read_text(encoding="utf-8")
        assert committed == reference(), "run: agw config --reference > config/SETTINGS.md"

    def test_example_fits_the_schema_and_the_schema_refuses_unknown_keys(self) -> None:
        document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
        generated = json.loads(json.dumps(schema()))
        jsonschema.validate(document, generated)
        document["brokr"] = {}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, generated)

    def test_reference_names_every_key_of_the_example(self) -> None:
        page = reference()
        for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
            if "=" in line and not line.startswith("#"):
                assert f"`{line.split('=')[0].strip()}`" in page
