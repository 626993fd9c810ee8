"""A first look at the figures, for the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def console(results: Mapping[str, Any]) -> str:
    """A first look: one block a detector."""
    lines = [f"part {results['part']}, {results['amount']}"]
    for name, own in results["detectors"].items():
        lines.append(f"\n{name}")
        if "clips" in own:
            for label, row in own["clips"].items():
                low, high = row["found"]
                lines.append(
                    f"  clips {label:12s} AUC {row['auc']:.3f}  at 2.5/h {low['value']:.2f} "
                    f"({low['low']:.2f}-{low['high']:.2f})  at 10/h {high['value']:.2f}  n {row['clips']}"
                )
        if "rare" in own:
            rare = own["rare"]
            each = "  ".join(
                f"{label} F1 {row['f1']:.2f} (hit {row['hits']:.0f} false {row['false_alarms']:.0f} "
                f"miss {row['misses']:.0f})"
                for label, row in rare["classes"].items()
            )
            lines.append(
                f"  rare  macro F1 {_interval(rare['macro_f1'])}  ER {rare['macro_error_rate']['value']:.2f}"
                f"  all mixtures {rare['macro_f1_all_mixtures']['value']:.2f}\n        {each}"
            )
        lines += _street_lines(own)
        if "negatives" in own:
            for kind in ("all", "background"):
                row = own["negatives"][kind]
                lines.append(
                    f"  streams {kind}: {row['alarms']} alarms in {row['minutes']} min, {row['per_hour']}/h "
                    f"(at most {row['upper_per_hour']}/h)"
                )
    for own, rivals in results["comparison"].items():
        for rival, row in rivals.items():
            for misses, ratio in row["false_alarm_ratio_at_misses"].items():
                if ratio["ratio"]:
                    lines.append(
                        f"  {own} vs {rival} at misses {misses}: {ratio['ratio']['value']:.1f} times fewer "
                        f"({', '.join(ratio['classes'])})"
                    )
    return "\n".join(lines)


def _street_lines(own: Mapping[str, Any]) -> list[str]:
    six = own["street"]["at_six_per_hour"]
    lines = [f"  street at 6/h  {_found(six)}"]
    if "alerts" in own:
        alerts = own["alerts"]
        lines.append(
            f"  street alerts  {_found(alerts['found'])}  false {alerts['false_per_hour']}/h "
            f"{alerts['false_alarms']} wrong name {alerts['wrong_name']} while "
            f"{dict(list(alerts['false_alarms_while'].items())[:6])}"
        )
    return lines


def _found(tables: Mapping[str, Any]) -> str:
    def cell(row: Mapping[str, Any]) -> str:
        return f"{row['found']}/{row['events']}"

    by_class = " ".join(f"{row['of']} {cell(row)}" for row in tables["by_class"])
    return (
        f"all {cell(tables['all'])}  10 dB up {cell(tables['at_10_and_above'])}  "
        f"below {cell(tables['below_10'])}  {by_class}"
    )


def _interval(value: Mapping[str, float]) -> str:
    return f"{value['value']:.2f} ({value['low']:.2f}-{value['high']:.2f})"
