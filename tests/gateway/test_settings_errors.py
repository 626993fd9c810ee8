"""What a technician reads when a settings file is wrong: file, line, key, what, and a fix."""

# ruff: noqa: E501 (messages are compared whole)

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.error import SettingsError
from gateway.settings.load import load_settings, parse_settings

HEAD = "[gateway]\nsite = 'plein'\nid = 'gw-1'\n"  # three lines


def errors_of(text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, Path("gw.toml"))
    return caught.value.lines


def error_of(text: str) -> str:
    (line,) = errors_of(text)
    return line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[brokr]\n", "gw.toml:4: brokr: there is no such section. Did you mean [broker]?"),
        ("[[sensors]]\n", "gw.toml:4: sensors: there is no such section. Did you mean [[sensor]]?"),
        ("[decision.lod]\n", "gw.toml:4: decision.lod: there is no such section. Did you mean [decision.loud]?"),
        ("[broker]\nhots = 'x'\n", "gw.toml:5: broker.hots: there is no such key. Did you mean host?"),
        (
            "[broker]\nlanguage = 'nl'\n",
            "gw.toml:5: broker.language: there is no such key. Did you mean gateway.language?",
        ),
        (
            "[log]\nxyzzy = 1\n",
            "gw.toml:5: log.xyzzy: there is no such key. Known here: level",
        ),
        (
            "[decision.shout]\nhold_ms = 3000\n",
            "gw.toml:5: decision.shout.hold_ms: there is no such key. Did you mean hold_s = 3.0?",
        ),
        ("[decision]\nhold = 3\n", "gw.toml:5: decision.hold: there is no such key. Did you mean hold_s = 3.0?"),
    ],
)
def test_unknown_keys_come_with_a_suggestion(text: str, expected: str) -> None:
    assert error_of(HEAD + text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[decision.shout]\nhold_s = '3s'\n",
            'gw.toml:5: decision.shout.hold_s: is the text "3s", not a number of seconds from 1 to 600. '
            "Write hold_s = 3.0",
        ),
        (
            "[decision.shout]\nhold_s = '4000 ms'\n",
            'gw.toml:5: decision.shout.hold_s: is the text "4000 ms", not a number of seconds from 1 to 600. '
            "Write hold_s = 4.0",
        ),
        (
            "[decision.shout]\nhold_s = 'long'\n",
            'gw.toml:5: decision.shout.hold_s: is the text "long", not a number of seconds from 1 to 600. '
            "For example hold_s = 3.0",
        ),
        (
            "[decision.shout]\nhold_s = 3000\n",
            "gw.toml:5: decision.shout.hold_s: is 3000, not a number of seconds from 1 to 600. "
            "For example hold_s = 3.0",
        ),
        (
            "[broker]\nkeep_alive_s = '1 min'\n",
            'gw.toml:5: broker.keep_alive_s: is the text "1 min", not a whole number of seconds from 2 to 10. '
            "For example keep_alive_s = ... (a whole number of seconds from 2 to 10)",
        ),
        (
            "[decision]\nmin_level_db = '55 dB(A)'\n",
            'gw.toml:5: decision.min_level_db: is the text "55 dB(A)", not a number of dB from 0 to 140. '
            "Write min_level_db = 55.0",
        ),
        (
            "[decision]\nmin_level_db = nan\n",
            "gw.toml:5: decision.min_level_db: is nan, not a number of dB from 0 to 140. "
            "For example min_level_db = 50.0",
        ),
        (
            "[decision]\non_score = true\n",
            "gw.toml:5: decision.on_score: is true, not a number from 0.001 to 1. For example on_score = 0.6",
        ),
        (
            "[log]\nlevel = 'WARN'\n",
            'gw.toml:5: log.level: is the text "WARN", not one of "debug", "error", "info", "warning". '
            'Write level = "warning"',
        ),
        (
            "[broker]\nport = 1883.5\n",
            "gw.toml:5: broker.port: is 1883.5, not a whole number from 1 to 65535. For example port = 8883",
        ),
        (
            "[[sensor]]\nid = 'noord!'\nserial = 'A1'\n",
            'gw.toml:5: sensor.id: is the text "noord!", not text of at most 64 of the characters '
            'A-Z a-z 0-9 _ -. For example id = "noord"',
        ),
        (
            "[[sensor]]\nid = 'n\\n'\nserial = 'A1'\n".replace("'n\\n'", '"n\\n"'),
            'gw.toml:5: sensor.id: is the text "n\\n", not text of at most 64 of the characters '
            'A-Z a-z 0-9 _ -. For example id = "noord"',
        ),
        (
            "[[sensor]]\nid = 'n'\nserial = 'A1'\nplace.cameras = ['c1',\n 2]\n",
            'gw.toml:8: sensor.place.cameras: element 2 is 2, not non-empty text. For example cameras = ["cam-12"]',
        ),
        (
            "[[sensor]]\nid = 'n'\nserial = 'A1'\nplace.cameras = 'c1'\n",
            'gw.toml:7: sensor.place.cameras: is not a list, each non-empty text. For example cameras = ["cam-12"]',
        ),
        ("[broker]\ntls = true\n", "gw.toml:5: broker.tls: is a table, not a single value. "
                                   "Write its keys under a line [broker.tls]"),
        ("[port]\nurl = 'x'\n", "gw.toml:4: port: can stand several times. Write [[port]] with double brackets above each"),
    ],
)  # fmt: skip
def test_wrong_values_say_what_fits(text: str, expected: str) -> None:
    assert error_of(HEAD + text) == expected


def test_missing_keys_name_the_table_they_belong_to() -> None:
    assert error_of(HEAD + "[[sensor]]\nid = 'n'\n[[sensor]]\nid = 'z'\nserial = 'A2'\n") == (
        'gw.toml:4: sensor.serial: is missing. Add serial = "AS-000123"'
    )
    assert error_of("[log]\nlevel = 'info'\n") == (
        "gw.toml:1: gateway: this section is missing. Add a section [gateway] with site, id"
    )
    assert error_of("[gateway]\nsite = 'plein'\n") == 'gw.toml:1: gateway.id: is missing. Add id = "gw-1"'


def test_all_errors_at_once_in_the_order_of_the_lines() -> None:
    lines = errors_of("[log]\nlevel = 3\n[gateway]\nid = 'a b'\n[[port]]\nbaud = 5\n")
    assert [line.split(": ")[:2] for line in lines] == [
        ["gw.toml:2", "log.level"],
        ["gw.toml:3", "gateway.site"],
        ["gw.toml:4", "gateway.id"],
        ["gw.toml:5", "port.url"],
        ["gw.toml:6", "port.baud"],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[[sensor]]\nid='n'\nserial='1'\n[[sensor]]\nid='n'\nserial='2'\n",
            'gw.toml:8: sensor.id: "n" is in use already (line 5). Give each place its own id',
        ),
        (
            "[[sensor]]\nid='n'\nserial='1'\n[[sensor]]\nid='z'\nserial='1'\n",
            'gw.toml:9: sensor.serial: "1" is in use already (line 6). '
            "A sensor hangs in one place: correct or remove one of the two",
        ),
        (
            "[[port]]\nurl='/dev/x'\n[[port]]\nurl='/dev/x'\n",
            'gw.toml:7: port.url: "/dev/x" is in use already (line 5). Remove one of the two',
        ),
        (
            "[[sensor]]\nid='unbound-1'\nserial='1'\n",
            'gw.toml:5: sensor.id: "unbound-1" looks like the id of a sensor without a place. '
            "Let it begin otherwise than with unbound- or refused-",
        ),
        (
            "[[sensor]]\nid='n'\nserial='1'\nplace.lat_deg=52\n",
            "gw.toml:7: sensor.place.lat_deg: needs lon_deg as well. Add lon_deg or remove lat_deg",
        ),
        (
            "[broker]\nusername='u'\npassword='x'\npassword_file='y'\n",
            "gw.toml:6: broker.password: is given twice. Keep password_file and remove password",
        ),
        (
            "[broker]\npassword='x'\n",
            "gw.toml:5: broker.password: needs a user name to go with it. Add username",
        ),
        (
            "[broker.tls]\nkey='gw.key'\n",
            "gw.toml:5: broker.tls.key: needs cert as well. Add cert or remove key",
        ),
        (
            "[decision.shout]\nrequired_s = 2\n",
            "gw.toml:5: decision.shout.required_s: required_s = 2 exceeds window_s = 1.5 (of shout). "
            "Lower required_s or raise window_s",
        ),
        (
            "[decision]\nwindow_s = 0.2\n",
            "gw.toml:5: decision.window_s: required_s = 0.5 exceeds window_s = 0.2 (of shout). "
            "Lower required_s or raise window_s",
        ),
        (
            "[decision.gunshot]\noff_score = 0.2\n",
            "gw.toml:5: decision.gunshot.off_score: needs on_score as well. Add on_score or remove off_score",
        ),
        (
            "[decision.gunshot]\non_score = 0.1\noff_score = 0.2\n",
            "gw.toml:6: decision.gunshot.off_score: off_score = 0.2 exceeds on_score = 0.1 (of gunshot). "
            "Lower off_score or raise on_score",
        ),
    ],
)
def test_settings_that_contradict(text: str, expected: str) -> None:
    assert error_of(HEAD + text + "[delivery]\nconfirm = 'puback'\n") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "",
            "gw.toml:1: delivery: names nobody who must have received an alert. "
            'Write receivers = ["NAME"], or confirm = "puback" if the broker\'s word is to be enough',
        ),
        (
            "[delivery]\nconfirm = 'puback'\nreceivers = ['a']\n",
            'gw.toml:6: delivery.receivers: would not be waited for with confirm = "puback". '
            'Remove receivers, or write confirm = "receipt"',
        ),
        (
            "[delivery]\nreceivers = ['a', 'a']\n",
            "gw.toml:5: delivery.receivers: names a receiver twice. Remove one of the two",
        ),
        (
            "[delivery]\nreceivers = ['meld kamer']\n",
            'gw.toml:5: delivery.receivers: element 1 is the text "meld kamer", not text of at most 64 of the characters '
            "A-Z a-z 0-9 _ -. For example receivers = [\"meldkamer\"]",
        ),
        (
            "[delivery]\nreceivers = ['a']\n[backup_broker]\nhost = 'localhost'\n",
            "gw.toml:7: backup_broker.host: is the broker that [broker] names already. "
            "Name a second broker, or remove [backup_broker]",
        ),
        (
            "[delivery]\nreceivers = ['a']\n[backup_broker]\nhost = 'b'\npassword = 'x'\n",
            "gw.toml:8: backup_broker.password: needs a user name to go with it. Add username",
        ),
    ],
)
def test_delivery_and_a_second_broker(text: str, expected: str) -> None:
    assert error_of(HEAD + text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gateway]\nsite = plein\n", 'gw.toml:2: is not TOML: Invalid value. Put text in double quotes: key = "text"'),
        ("[gateway]\nx = .5\n", "gw.toml:2: is not TOML: Invalid value. Write a digit before the point: 0.5"),
        ("[gateway]\nid = 1\nid = 2\n", "gw.toml:3: is not TOML: Cannot overwrite a value. Keep one of the two"),
        ("[log]\n[log]\n", "gw.toml:2: is not TOML: Cannot declare ('log',) twice. Keep one of the two"),
        ("[gateway]\nsite: 'x'\n", "gw.toml:2: is not TOML: Expected '=' after a key in a key/value pair. "
                                   "Write key = value"),
        ("[gateway\n", "gw.toml:1: is not TOML: Expected ']' at the end of a table declaration. Correct this line"),
        ("a = '''\n\n", "gw.toml:3: is not TOML: Expected \"'''\". Correct this line"),
    ],
)  # fmt: skip
def test_what_is_not_toml_is_placed_too(text: str, expected: str) -> None:
    assert error_of(text) == expected


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: there is no such file\. Make one from"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"cannot be read \(Is a directory\)"):
        load_settings(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# ok\n# caf\xe9\n")
    with pytest.raises(SettingsError, match=r"latin\.toml:2: is not UTF-8 text"):
        load_settings(latin)


@pytest.mark.parametrize(
    "text",
    [
        "[broker]\nusername = 'u'\npassword = 5\n",
        "[broker]\nusername = 'u'\npassword = ['hunter2']\n",
        "[broker]\npassword = 'hunter2'\n",
        "[broker]\npasword = 'hunter2'\nusername = 3\n",
        "[broker]\nusername = 'u'\npassword = 'hunter2'\npassword_file = 'x'\n",
        "[broker]\npassword = 'hunter2\n",
    ],
)
def test_errors_never_show_a_password(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(HEAD + text, Path("gw.toml"))
    assert "hunter2" not in str(caught.value)
    assert "is 5" not in str(caught.value)
