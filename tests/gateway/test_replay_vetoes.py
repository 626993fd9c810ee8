"""`agw replay` says in both languages what spoke against an event, and what was held back."""

from __future__ import annotations

import io
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from gateway.cli import main
from gateway.decisions.types import HeldBack
from gateway.exit_codes import ExitCode
from gateway.model_setup import ModelSetup
from gateway.pipeline import Analysis
from gateway.tools.replay import _Writer
from tests.support.gateway_process import settings_text
from tests.support.replayed import noise, write_sound

NO_MODEL = ModelSetup(None, None)


@pytest.mark.parametrize(
    ("lang", "told"), [("en", "meanwhile: too loud for the mic"), ("nl", "tegelijk: te luid voor de mic")]
)
def test_an_event_says_what_spoke_against_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, told: str
) -> None:
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], model="none"))
    clipped = noise(1, 7.0, 60.0)
    clipped[96_000:144_000] = np.clip(noise(2, 1.0, 125.0), -1.0, 1.0)
    path = write_sound(tmp_path / "clipped.wav", clipped)
    assert main(["replay", "--settings", str(settings), "--lang", lang, str(path)]) == ExitCode.OK
    start, _ = capsys.readouterr().out.splitlines()
    assert told in start


@pytest.mark.parametrize(("lang", "told"), [("en", "held back scream (siren)"), ("nl", "tegengehouden gil")])
def test_what_was_held_back_is_said(lang: str, told: str) -> None:
    out = io.StringIO()
    held = HeldBack("scream", ("siren",), 12.5, 0.81, 71.0)
    heard = Analysis(13.0, 60.0, 62.0, None, None, None, (), held_back=(held,))
    writer = _Writer(out, Namespace(json=False, lang=lang, full_scale_db=None), NO_MODEL, several=True)
    writer.write(heard, Path("wail.wav"))
    assert out.getvalue().startswith("wail.wav:    12.500 s  ")
    assert told in out.getvalue()
