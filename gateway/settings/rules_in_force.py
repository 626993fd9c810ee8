"""From settings and model to the rules that the decisions go by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.contract.vocabulary import EventClass, Severity
from gateway.decisions.rules import DEFAULT_RULES, ClassRule, loud_rule, rules_for
from gateway.settings.decision import ClassSettings, DecisionSettings, RuleSettings

RULE_KEYS = RuleSettings.__struct_fields__


@dataclass(frozen=True, slots=True)
class SetKey:
    """A value that the settings give a class's rule. path: where under [decision] it stands."""

    path: tuple[str, ...]
    value: Any


def rules_in_force(settings: DecisionSettings, thresholds: Mapping[str, float]) -> dict[str, ClassRule]:
    """The rule of each enabled class; thresholds: on_score by class as the model says, {} without a model.

    Settings that passed `settings_rules.check_rules` fit any thresholds.
    """
    rules = {
        name: apply_settings(rule, set_keys(settings, name))
        for name, rule in rules_for(thresholds).items()
        if class_settings(settings, name).enabled
    }
    if settings.loud.enabled:
        loud = settings.loud
        rules[EventClass.LOUD.value] = loud_rule(loud.level_db, loud.for_s, hold_s=loud.hold_s)
    return rules


def class_settings(settings: DecisionSettings, name: str) -> ClassSettings:
    """What the settings say of one class of DEFAULT_RULES."""
    found = getattr(settings, name)
    assert isinstance(found, ClassSettings)
    return found


def set_keys(settings: DecisionSettings, name: str) -> dict[str, SetKey]:
    """The keys that the settings give for a class, its own before those for every class."""
    found: dict[str, SetKey] = {}
    for table, path in ((class_settings(settings, name), ("decision", name)), (settings, ("decision",))):
        for key in RULE_KEYS:
            value = getattr(table, key)
            if value is not None:
                found.setdefault(key, SetKey((*path, key), value))
    return found


def apply_settings(rule: ClassRule, keys: Mapping[str, SetKey]) -> ClassRule:
    """The rule with what `set_keys` found put in; a new on_score alone takes off_score along."""
    values = {key: given.value for key, given in keys.items()}
    if "on_score" in values:
        rule = rule.with_threshold(values.pop("on_score"))
    if "floor_severity" in values:
        values["floor_severity"] = Severity(values["floor_severity"])
    return replace(rule, **values)


ORDERED_PAIRS = (
    ("off_score", "on_score"),
    ("required_s", "window_s"),
    ("medium_above_db", "high_above_db"),
    ("medium_level_db", "high_level_db"),
)
"""The first of each pair may not exceed the second."""


def built_in(name: str, key: str) -> Any:
    """The value that a class's key has when no setting gives it."""
    return getattr(DEFAULT_RULES[name], key)
