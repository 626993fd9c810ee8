"""Which clips may be made into committed captures: permissive terms only, judged per clip."""

from __future__ import annotations

import re

from training.manifest import Clip

_PERMISSIVE = re.compile(r"^(CC ?0|CC[ -]BY\b(?![ -]?(SA|NC|ND))|Apache-2\.0$|MIT$|BSD)", re.IGNORECASE)
_RESTRICTED = re.compile(
    r"\b(SA|NC|ND|GPL|GFDL|Sampling|unspecified|unstated|or own recording)\b", re.IGNORECASE
)


def permissive(clip: Clip) -> bool:
    """True when the clip is marked redistributable under CC0, CC BY, Apache, MIT or BSD."""
    return (
        clip.redistributable == "yes"
        and _PERMISSIVE.match(clip.licence) is not None
        and _RESTRICTED.search(clip.licence) is None
    )
