"""Where the data files that come with the program are, installed or in a checkout."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import GatewayError

_PACKAGE = Path(__file__).resolve().parent


def config_root() -> Path:
    """The folder with examples, model packages and captures.

    A wheel carries it inside the package; in a checkout, and so in an editable install, it is `config/`.
    """
    for folder in (_PACKAGE / "_config", _PACKAGE.parent / "config"):
        if (folder / "gateway.example.toml").is_file():
            return folder
    raise GatewayError(
        "the data files of this installation are missing",
        where=str(_PACKAGE),
        hint="Install the package again",
    )
