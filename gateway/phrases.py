"""Texts for people, in Dutch and English: one template each, numbers written as that language does."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Literal

Language = Literal["nl", "en"]
Phrase = Mapping[Language, str]


class _DutchFormatter(string.Formatter):
    """Writes fractions with a comma."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        text = super().format_field(value, format_spec)
        return text.replace(".", ",") if isinstance(value, float) else text


_FORMATTERS: Mapping[Language, string.Formatter] = {"en": string.Formatter(), "nl": _DutchFormatter()}


def fill(phrase: Phrase, language: Language, **values: object) -> str:
    """The text in `language`, its {fields} (as in str.format) filled in."""
    return _FORMATTERS[language].vformat(phrase[language], (), values)
