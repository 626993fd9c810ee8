"""Scenario files: those that come with the product, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.port_states import LANGUAGES
from firmware_bridge.simulator.scenario import Bed, Calibrator, Scenario, ScenarioError, Skew, Unplug
from firmware_bridge.simulator.scenario_file import load_scenario, parse_scenario
from firmware_bridge.simulator.world import SimulatedWorld, play_in_memory
from tests.support.simulated import sound

SCENARIOS = Path(__file__).resolve().parents[2] / "config" / "scenarios"
READY_MADE = ("fight", "crowd", "wind", "unplug", "noise_bytes", "clock_skew", "reboot", "quiet", "many")

MINIMAL = 'duration_s = 10\n[[sensor]]\nserial = "A-1"\n'


def test_the_ready_made_ones_are_there() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.toml")} >= set(READY_MADE)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_each_ready_made_scenario_plays_to_its_end(path: Path) -> None:
    scenario = load_scenario(path)
    assert all(scenario.about_in(language) != scenario.name for language in LANGUAGES)
    wanted = {word for script in scenario.sensors for word in script.bed}
    wanted |= {word for played in scenario.sounds for word in played.play}
    library = {word: sound(word, word, 60.0, 80) for word in wanted}
    world = SimulatedWorld(scenario, library, epoch=1)
    assert sum(1 for _ in play_in_memory(world)) > 7 * scenario.duration_s
    assert world.finished


def test_everything_a_file_can_say() -> None:
    scenario = parse_scenario(
        "all",
        """
        seed = 7
        duration_s = 30
        about.nl = "alles"

        [[sensor]]
        serial = "S-08"
        bed = ["a", "b"]
        skew_ppm = -20
        mic_error_db = 1.5
        count = 3

        [[sound]]
        at_s = 1.5
        play = "shout"
        heard_by = { "S-08" = -3, "*" = 0.0 }
        every_s = 10

        [[action]]
        at_s = 2
        do = "unplug"
        sensor = "S-10"
        keeps_power = true

        [[action]]
        at_s = 3
        do = "bed"
        sensor = "*"
        bed = "c"

        [[action]]
        at_s = 4
        do = "calibrator"
        sensor = "S-09"
        for_s = 5
        level_db = 114

        [[action]]
        at_s = 5
        do = "skew"
        sensor = "S-09"
        ppm = -55.5
        """,
    )
    assert (scenario.name, scenario.seed, scenario.duration_s) == ("all", 7, 30.0)
    assert scenario.about_in("nl") == "alles"
    assert scenario.about_in("en") == scenario.title == "all"
    assert [script.serial for script in scenario.sensors] == ["S-08", "S-09", "S-10"]
    assert {(script.bed, script.skew_ppm, script.mic_error_db) for script in scenario.sensors} == {
        (("a", "b"), -20.0, 1.5)
    }
    assert scenario.sounds[0].heard_by == (("S-08", -3.0), ("*", 0.0))
    assert scenario.actions == (
        Unplug(2.0, "S-10", True),
        Bed(3.0, "*", "c"),
        Calibrator(4.0, "S-09", 5.0, 114.0),
        Skew(5.0, "S-09", -55.5),
    )
    assert scenario.targets("*") == ("S-08", "S-09", "S-10")


def test_a_minimal_file() -> None:
    scenario = parse_scenario("small", MINIMAL)
    assert isinstance(scenario, Scenario)
    assert scenario.sensors[0].bed == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "duration_s is a number"),
        ("duration_s = nan", "duration_s is nan"),
        ("duration_s = inf", "duration_s is inf"),
        ("duration_s = 10", "0 sensors"),
        ("duration_s = [", "not TOML"),
        ("duration = 10\n" + MINIMAL, "unknown key duration. Did you mean duration_s?"),
        (MINIMAL + "skew = 3", "sensor 1: unknown key skew. Did you mean skew_ppm?"),
        (MINIMAL + "skew_ppm = 5000", "sensor 1: skew_ppm is 5000, it must be in -1000..1000"),
        (MINIMAL + 'mic_error_db = "loud"', "mic_error_db is a number"),
        (MINIMAL + "mic_error_db = true", "mic_error_db is a number"),
        (MINIMAL + "bed = 3", "bed is a name or a list of names"),
        (MINIMAL + "count = 100", "count is a whole number in 1..64"),
        (MINIMAL + "[[sensor]]\n", "sensor 2: serial is text"),
        (MINIMAL + '[[sensor]]\nserial = "a/b"', "serial is 'a/b'"),
        (MINIMAL + '[[sensor]]\nserial = "12345678901234567890123456"', "it may have 1 to 24"),
        (MINIMAL + '[[sensor]]\nserial = "A-1"', "two sensors have one serial number"),
        ("sensor = 3\nduration_s = 1", r"sensor is written \[\[sensor\]\]"),
        ("about = 3\n" + MINIMAL, "about is a table"),
        ('about.de = "x"\n' + MINIMAL, "unknown key de"),
        ("seed = 1.5\n" + MINIMAL, "seed is a whole number"),
        (MINIMAL + "[[sound]]\nat_s = 1", "sound 1: a sound needs play and heard_by"),
        (MINIMAL + '[[sound]]\nat_s = 99\nplay = "x"\nheard_by = {"A-1" = 0}', "at_s is 99"),
        (MINIMAL + '[[sound]]\nat_s = 1\nplay = "x"\nheard_by = {"B" = 0}', "there is no sensor B"),
        (MINIMAL + '[[action]]\nat_s = 1\ndo = "explode"\nsensor = "A-1"', "action 1: nothing is known"),
        (MINIMAL + '[[action]]\nat_s = 1\ndo = "unplugg"\nsensor = "A-1"', "Did you mean unplug?"),
        (MINIMAL + '[[action]]\nat_s = 1\ndo = "unplug"', "unplug needs sensor"),
        (MINIMAL + '[[action]]\nat_s = 11\ndo = "reboot"\nsensor = "A-1"', "after the end"),
        (
            MINIMAL + '[[action]]\nat_s = 1\ndo = "unplug"\nsensor = "A-1"\nkeeps_power = 1',
            "keeps_power is true or false",
        ),
        (
            MINIMAL + '[[action]]\nat_s = 1\ndo = "plug"\nsensor = "A-1"\nport = "../x"',
            "action 1: port is '../x'",
        ),
        (
            MINIMAL + '[[action]]\nat_s = 1\ndo = "calibrator"\nsensor = "A-1"\nfor_s = 1\nfrequency_hz = 20',
            "frequency_hz is 20",
        ),
        (MINIMAL + '[[action]]\nat_s = 1\ndo = "faults"\nsensor = "A-1"\ndrop = 3', "drop is 3"),
        (MINIMAL + '[[action]]\nat_s = 1\ndo = "reboot"\nsensor = "A-2"', "there is no sensor A-2"),
    ],
)
def test_a_bad_file_says_what_and_where(text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        parse_scenario("bad", text)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("duration_s = -1")
    with pytest.raises(ScenarioError, match=r"mine\.toml, the file: duration_s is -1"):
        load_scenario(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"mine\.toml: not UTF-8"):
        load_scenario(path)
