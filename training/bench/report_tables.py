"""The report's parts on streets, rivals, negatives and voices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.bench.detector import CLASSES
from training.bench.goals import FREE_OF_PRIVACY, main_of
from training.bench.markdown import Lines, share_text, table
from training.bench.negative_figures import LEAST_MINUTES, LEAST_SOURCES, LOOSE_PER_HOUR, TIMES_MEAN

_NOT_RUN = ["", "Not run.", ""]
_VIEWS = (("by_class", "class"), ("by_snr_db", "SNR, dB"), ("by_place", "place"), ("by_distance_m", "m"))


def street_lines(detectors: Mapping[str, Any]) -> Lines:
    """Misses at rates of false alarms, what is found at six an hour, and what the alerts do."""
    rows, six = [], []
    rates: list[str] = []
    for name, own in detectors.items():
        for label in CLASSES:
            row = own["street"]["classes"][label]
            rates = list(row["misses"])
            cells = [share_text(row["misses"][rate]) for rate in rates]
            rows.append((name, label, row["events"], row["sources"], *cells))
        found = own["street"]["at_six_per_hour"]
        six.append((name, *(_found(found[key]) for key in ("all", "at_10_and_above", "below_10"))))
    head = ("detector", "class", "events", "sources", *(f"{rate}/h" for rate in rates))
    lines = [
        "",
        "Share of events missed at so many false alarms of the class an hour (a street with a sound every "
        "twelve "
        "seconds, most of them hard negatives). `plots/misses-against-false-alarms.svg`; times 24 is a "
        "sensor-day "
        "of such a street.",
        *table(head, rows),
        "Events found at six false alarms an hour in all, 1.5 of each class:",
        *table(("detector", "all", "SNR 10 dB and up", "below 10 dB"), six),
    ]
    lines += _lowest(detectors)
    lines += _by_view(detectors)
    name = main_of(detectors)
    return lines if name is None else lines + _alerts(name, detectors[name]["alerts"])


def _by_view(detectors: Mapping[str, Any]) -> Lines:
    """Misses by SNR of all detectors; by place and distance of ours."""
    lines: Lines = []
    for view, title, names in (
        ("snr_db", "SNR, dB", list(detectors)),
        ("place", "place", [main_of(detectors)]),
        ("distance_m", "distance, m", [main_of(detectors)]),
    ):
        rows, rates = [], []
        for name in names:
            for row in detectors[name]["street"]["by"][view] if name else ():
                rates = list(row["misses"])
                behind = (row["events"], row["sources"], row["unique_minutes"])
                rows.append((name, row["of"], *behind, *(share_text(row["misses"][rate]) for rate in rates)))
        if rows:
            head = ("detector", title, "events", "sources", "unique min", *(f"{rate}/h" for rate in rates))
            lines += [f"Missed by {title.split(',')[0]}, at so many false alarms of each class an hour:"]
            lines += table(head, rows)
    return lines


def _lowest(detectors: Mapping[str, Any]) -> Lines:
    """Found at thresholds that no negative clip reaches."""
    have = {name: own["lowest_rate"] for name, own in detectors.items() if "lowest_rate" in own}
    if not have:
        return []
    rows = []
    for name, lowest in have.items():
        rows.append((name, "all", *(share_text(row["share"]) for row in lowest["found"]["by_snr_db"])))
        for label in CLASSES:
            cells = [row for row in lowest["found"]["by_class_and_snr_db"] if row["of"][0] == label]
            rows.append((name, label, *(share_text(row["share"]) for row in cells)))
    first = next(iter(have.values()))
    snrs = [f"{row['of']:.0f} dB" for row in first["found"]["by_snr_db"]]
    return [
        "Events found at the lowest rate that the negatives can show: thresholds that no clip of "
        f"{first['hours']} "
        f"h of them reaches, so at most {first['at_most_per_hour']} false alarms an hour of such sound (95 "
        "%):",
        *table(("detector", "class", *snrs), rows),
    ]


def _alerts(name: str, alerts: Mapping[str, Any]) -> Lines:
    found = alerts["found"]
    lines = [
        f"### Alerts of `{name}` at default settings",
        "",
        f"{alerts['alerts']} alerts in {alerts['hours']} h: {_found(found['all'])} of the events found, "
        f"{_found(found['at_10_and_above'])} at 10 dB and above, {_found(found['below_10'])} below; "
        f"{_found(alerts['found_under_any_name'])} under any name. {alerts['false_per_hour']} false alarms "
        "an hour "
        f"({_counts(alerts['false_alarms'])}), {alerts['wrong_name']} alerts of an event under a wrong name. "
        f"False alarms came while there was: {_counts(alerts['false_alarms_while']) or 'nothing'}. "
        f"Raised after the sound's onset, quartiles: {_delays(alerts)}.",
    ]
    for key, title in _VIEWS:
        rows = [(_name(row["of"]), *_behind(row)) for row in found[key]]
        lines += table((title, "found", "share", "sources", "unique min"), rows)
    rows = [(*row["of"], *_behind(row)) for row in found["by_class_and_snr_db"]]
    return lines + table(("class", "SNR, dB", "found", "share", "sources", "unique min"), rows)


def comparison_lines(comparison: Mapping[str, Any]) -> Lines:
    """How many times fewer false alarms at equal misses, and misses at equal false alarms."""
    ratios, misses = [], []
    for own, rivals in comparison.items():
        for rival, row in rivals.items():
            for level, ratio in row["false_alarm_ratio_at_misses"].items():
                ratios.append((own, rival, level, *_ratio(ratio)))
            for label, rates in row["misses_at_equal_false_alarms"].items():
                pairs = [f"{ours:.2f} / {theirs:.2f}" for ours, theirs in rates.values()]
                misses.append((own, rival, label, *pairs))
                heads = [f"{rate}/h" for rate in rates]
    if not ratios:
        return _NOT_RUN
    return [
        "",
        "Street soundscapes. False alarms an hour at equal misses, added up over the classes in which both "
        "reach "
        "them; where ours raised none, three stand for it (`at least`).",
        *table(("ours", "other", "misses", "other / ours", "ours/h", "other/h", "classes", "never"), ratios),
        "Misses at equal false alarms of the class an hour, ours / other:",
        *table(("ours", "other", "class", *heads), misses),
        *_same_decision(comparison),
    ]


def _same_decision(comparison: Mapping[str, Any]) -> Lines:
    rows = [
        (own, rival, f"{f1['ours']:.2f}", f"{f1['rival']:.2f}", share_text(f1["rival_minus_ours"]))
        for own, rivals in comparison.items()
        for rival, row in rivals.items()
        if (f1 := row.get("f1_by_threshold"))
    ]
    if not rows:
        return []
    return [
        "Event F1 (one event in 30 s) by the same plain decision, threshold and hold set on tune for both. "
        f"Against `{FREE_OF_PRIVACY}` the last column is what privacy costs, where that detector finds more.",
        *table(("ours", "other", "F1 of ours", "F1 of the other", "other minus ours"), rows),
    ]


def negative_lines(detectors: Mapping[str, Any]) -> Lines:
    """A table of every kind of negative for detectors with alerts; of the others the sums."""
    sums, lines = [], []
    for name, own in detectors.items():
        if "negatives" not in own:
            continue
        for kind in ("all", "background"):
            row = own["negatives"][kind]
            rate = f"{row['per_hour']} (at most {row['upper_per_hour']})"
            day = f"{row['per_sensor_day']} (at most {row['upper_per_sensor_day']})"
            sums.append((name, kind, row["minutes"], row["sources"], row["alarms"], rate, day))
        if name == main_of(detectors):
            lines += [
                f"### `{name}`, alerts at default settings",
                *_negative_table(own["negatives"]["table"]),
                *_loose_table(name, own["negatives"].get("loose_table")),
            ]
    if not sums:
        return _NOT_RUN
    head = ("detector", "sound", "minutes", "sources", "alarms", "per hour", "per sensor-day of it")
    return [
        "",
        "Every negative clip once, one after the other; alerts at default settings, rivals at their "
        "thresholds. "
        "`background`: ambience, traffic, wind and rain. `at most`: 95 % bound, 3 / minutes where none was "
        "raised.",
        *table(head, sums),
        *lines,
    ]


def _loose_table(name: str, rows: list[Mapping[str, Any]] | None) -> Lines:
    if not rows:
        return []
    return [
        f"### `{name}`, thresholds of {LOOSE_PER_HOUR:.0f} false alarms an hour of each class",
        "",
        "So that there are enough alarms to tell kinds apart.",
        *_negative_table(rows),
    ]


def _negative_table(rows: list[Mapping[str, Any]]) -> Lines:
    head = ("sound", "minutes", "clips", "sources", "alarms", "per minute", "at most", "of mean", "verdict")
    body = [
        (
            row["target"], row["minutes"], row["clips"], row["sources"], _counts(row["alarms"]) or 0,
            row["per_minute"], row["upper_per_minute"],
            "-" if row["ratio_to_mean"] is None else row["ratio_to_mean"], row["verdict"],
        )
        for row in rows
    ]  # fmt: skip
    return [
        "",
        f"`within`: even the bound is within {TIMES_MEAN:.0f} times the mean. `above`: the rate is not. `not "
        f"shown`: under {LEAST_MINUTES:.0f} minutes or {LEAST_SOURCES} sources, or the bound is above it.",
        *table(head, body),
    ]


def voice_lines(detectors: Mapping[str, Any]) -> Lines:
    """Three tables for the first detector with voices."""
    lines: Lines = []
    for name, own in [(name, own) for name, own in detectors.items() if "voices" in own][:1]:
        for what, rows in own["voices"].items():
            body = [
                (
                    row["kind"], row["of"], row["figure"], share_text(row["share"]),
                    row["clips"], row["sources"], row["minutes"],
                )
                for row in rows
            ]  # fmt: skip
            head = ("kind", what, "share of clips", "value", "clips", "sources", "minutes")
            lines += [f"`{name}`, by {what}:", *table(head, body)]
    intro = (
        "Clips at 2.5 false alarms an hour of the class. `other voices` are speech, laughter, crowds, "
        "children, "
        "singing, babies and coughs: the share that raised shout or scream."
    )
    return ["", intro, "", *lines] if lines else _NOT_RUN


def _ratio(ratio: Mapping[str, Any]) -> tuple[str, ...]:
    never = ", ".join(ratio["rival_never_reaches"]) or "-"
    if not ratio["ratio"]:
        return "-", "-", "-", "-", never
    value = ratio["ratio"]
    text = f"{'at least ' if ratio['at_least'] else ''}{value['value']:.1f}"
    if value["low"] == value["low"]:
        text += f" ({value['low']:.1f}-{value['high']:.1f})"
    return text, str(ratio["ours_per_hour"]), str(ratio["rival_per_hour"]), ", ".join(ratio["classes"]), never


def _behind(row: Mapping[str, Any]) -> tuple[object, ...]:
    return f"{row['found']}/{row['events']}", share_text(row["share"]), row["sources"], row["unique_minutes"]


def _found(row: Mapping[str, Any]) -> str:
    return f"{row['found']} of {row['events']}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _delays(alerts: Mapping[str, Any]) -> str:
    each = {"all": alerts["delay_s_all"], **alerts["delay_s"]}
    return "; ".join(f"{label} {', '.join(map(str, own))} s" for label, own in each.items() if own) or "none"


def _name(value: object) -> str:
    return "measured response" if value is None else str(value)
