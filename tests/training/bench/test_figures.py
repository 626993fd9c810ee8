"""The figures of the report on small made-up truths."""

import numpy as np
import pytest

from training.bench.alarms import Alarm
from training.bench.calibration_figures import calibration_of
from training.bench.clip_figures import clip_figures, peaks_of
from training.bench.curves import curve_of
from training.bench.goals import goal_lines
from training.bench.negative_figures import Kind, background_row, negative_table, upper_bound
from training.bench.rare_figures import answers_of, f1_difference, rare_figures, tuned
from training.bench.scoring import Scored
from training.bench.street_figures import alert_figures
from training.bench.street_splits import misses_by
from training.bench.truth import Recording, Sound, as_fields, from_fields


def a_sound(target: str, onset_s: float, source: str = "s", snr_db: float = 10.0) -> Sound:
    return Sound(target, onset_s, onset_s + 1.0, source, "made", f"{source}.wav", target, snr_db)


def an_alarm(label: str, at_s: float) -> Alarm:
    return Alarm(label, at_s, at_s + 0.5, at_s + 1.0)


def test_truth_survives_its_file() -> None:
    recording = Recording("r", 30.0, (a_sound("shout", 3.0),), beds=("b",), bed_db=60.0, task="shout")
    assert from_fields(as_fields(recording)) == recording


def test_alerts_are_found_false_or_wrongly_named() -> None:
    sounds = (a_sound("shout", 10.0), a_sound("gunshot", 30.0, "g"), a_sound("dog_bark", 50.0, "d"))
    recording = Recording("r", 3600.0, sounds, beds=("b",))
    alerts = [an_alarm(*one) for one in (("shout", 10.2), ("scream", 30.1), ("shout", 50.0), ("shout", 99.0))]
    figures = alert_figures([recording], [alerts])
    assert figures["found"]["all"]["found"] == 1
    assert figures["found_under_any_name"]["found"] == 2
    assert figures["wrong_name"] == 1
    assert figures["false_alarms"]["shout"] == 2
    assert figures["false_per_hour"] == 2.0
    assert figures["false_alarms_while"] == {"dog_bark": 1, "bed": 1}
    assert figures["delay_s"]["shout"] == [0.7, 0.7, 0.7]
    assert figures["delay_s"]["scream"] == []


def test_rare_counts_a_class_in_its_own_mixtures() -> None:
    recordings = [
        Recording("a", 30.0, (a_sound("shout", 10.0),), beds=("x",), task="shout"),
        Recording("b", 30.0, (), beds=("y",), task="shout"),
        Recording("c", 30.0, (a_sound("scream", 5.0, "t"),), beds=("z",), task="scream"),
    ]
    answers = [[an_alarm("shout", 10.3)], [], [an_alarm("scream", 5.0), an_alarm("shout", 5.0)]]
    figures = rare_figures(recordings, answers)
    assert figures["macro_f1"]["value"] == 1.0
    assert figures["macro_f1_all_mixtures"]["value"] == pytest.approx((2 / 3 + 1.0) / 2)
    assert figures["classes"]["shout"]["onset_error_s"] == [0.3, 0.3, 0.3]


def test_a_rival_is_given_its_best_threshold_and_lateness() -> None:
    recordings = [
        Recording(str(n), 30.0, (a_sound("shout", 10.0),), beds=("x",), task="shout") for n in range(4)
    ]
    scores = np.full((240, 4), 0.01, dtype=np.float32)
    scores[86:90, 0] = 0.7
    scored = Scored("rival", 0.125, (scores,) * 4, None)
    settings = {"rival": tuned(recordings, scored)}
    assert 0.01 < settings["rival"]["shout"]["threshold"] <= 0.7001
    figures = rare_figures(recordings, answers_of(scored, settings["rival"]))
    assert figures["classes"]["shout"]["f1"] == 1.0
    with pytest.raises(ValueError, match="part tune"):
        answers_of(scored, None)


def test_negatives_are_not_shown_for_want_of_sound() -> None:
    kinds = [
        Kind("speech", 100.0, 50, 40, {"shout": 2}),
        Kind("music", 10.0, 9, 9, {"shout": 3}),
        Kind("cough", 2.0, 9, 9, {}),
        Kind("bird", 30.0, 9, 9, {}),
        Kind("ambience", 60.0, 9, 9, {}),
    ]
    verdicts = {row["target"]: row["verdict"] for row in negative_table(kinds)}
    assert verdicts == {
        "speech": "within", "music": "above", "cough": "not shown", "bird": "not shown", "ambience": "within",
    }  # fmt: skip
    assert upper_bound(0) == pytest.approx(3.0, abs=0.01)
    row = background_row(kinds)
    assert (row["alarms"], row["per_hour"], row["upper_per_hour"]) == (0, 0.0, 3.0)
    assert row["upper_per_sensor_day"] == pytest.approx(72.0, abs=0.2)


def test_clips_by_their_highest_score() -> None:
    recordings, scores = [], []
    for n in range(40):
        target = "shout" if n < 20 else "speech"
        recordings.append(Recording(str(n), 360.0, (a_sound(target, 1.0, f"s{n}"),), task=target))
        own = np.zeros((8, 4), dtype=np.float32)
        own[3, 0] = 0.9 if n < 15 else 0.3 if n < 20 else 0.01 * (n - 20)
        scores.append(own)
    figures = clip_figures(peaks_of(recordings, Scored("d", 0.125, tuple(scores), None)))["shout"]
    assert figures["found"][0]["value"] == 1.0
    assert figures["thresholds"][0] < 0.2
    assert figures["auc"] == 1.0


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    said = np.full(1000, 0.5, dtype=np.float32)
    assert calibration_of(said, said, 0.5)["ece"] == pytest.approx(0.0, abs=1e-6)
    assert calibration_of(said, said, 0.1)["ece"] == pytest.approx(0.4, abs=1e-4)


def test_misses_are_split_by_snr_at_one_threshold_a_class() -> None:
    loud, faint = a_sound("shout", 10.0), a_sound("shout", 30.0, "t", snr_db=0.0)
    recording = Recording("r", 3600.0, (loud, faint), beds=("b",))
    scores = np.zeros(7200, dtype=np.float32)
    scores[20], scores[60], scores[1000] = 0.9, 0.3, 0.5
    curve = curve_of("shout", [recording], [scores], 0.5)
    rows = {row["of"]: row["misses"] for row in misses_by({"shout": curve})["snr_db"]}
    assert (rows[10.0]["0.5"]["value"], rows[0.0]["0.5"]["value"]) == (0.0, 1.0)
    assert (rows[10.0]["1.5"]["value"], rows[0.0]["1.5"]["value"]) == (0.0, 0.0)


def test_what_the_other_finds_more_is_its_difference() -> None:
    recordings = [
        Recording("a", 30.0, (a_sound("shout", 10.0),), beds=("x",), task="shout"),
        Recording("b", 30.0, (a_sound("shout", 20.0, "t"),), beds=("y",), task="shout"),
    ]
    ours = [[an_alarm("shout", 10.0)], []]
    rival = [[an_alarm("shout", 10.0)], [an_alarm("shout", 20.1)]]
    figures = f1_difference(recordings, ours, rival)
    assert (figures["ours"], figures["rival"]) == (0.6667, 1.0)
    assert figures["rival_minus_ours"]["value"] == pytest.approx(1 / 3)


def test_a_goal_is_reached_or_not_by_its_own_figure() -> None:
    share = {"value": 0.92, "low": 0.8, "high": 1.0}
    found = {"at_10_and_above": {"share": share}, "below_10": {"share": {**share, "value": 0.5}}}
    own = {"alerts": {"false_per_hour": 7.0, "found": found}, "clips": {"shout": {"found": [share]}}}
    page = "\n".join(goal_lines({"detectors": {"ours": own}, "comparison": {}}))
    assert "| alerts in the street, 10 dB and above | 0.90 | 0.92 (0.80-1.00) | yes |" in page
    assert "| alerts in the street, below 10 dB | 0.60 | 0.50 (0.80-1.00) | no |" in page
    assert "| false alarms by those alerts | 6/h | 7.0/h | no |" in page
    assert "| event F1 lost to privacy | at most 0.05 | no rival without it was run | not shown |" in page


def test_a_student_that_finds_less_shows_nothing_about_privacy() -> None:
    share = {"value": 0.92, "low": 0.8, "high": 1.0}
    found = {"at_10_and_above": {"share": share}, "below_10": {"share": share}}
    own = {"alerts": {"false_per_hour": 1.0, "found": found}}
    for difference, word in ((-0.02, "not shown"), (0.03, "yes"), (0.07, "no")):
        lost = {"value": difference, "low": -0.1, "high": 0.1}
        against = {"log-mel": {"f1_by_threshold": {"rival_minus_ours": lost}}}
        results = {"detectors": {"ours": own, "log-mel": {}}, "comparison": {"ours": against}}
        line = next(line for line in goal_lines(results) if "`log-mel` minus ours" in line)
        assert line.endswith(f"| {word} |")
