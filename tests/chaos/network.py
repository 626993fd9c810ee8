"""A gateway in a network namespace of its own, behind a router that can be told to swallow what it forwards.

    gateway's namespace  10.7x.S.2 --- 10.7x.S.1  router  10.7x.S.5 --- 10.7x.S.6  this machine, the broker

Routes of type blackhole swallow packets in transit without telling anybody, as a network that is gone does.
Random loss needs the kernel's nftables and the program nft. All of it needs root.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence


class RoutedNetwork:
    """number: 0 to 63, so that several can stand beside each other."""

    def __init__(self, number: int) -> None:
        self._gateway, self._router = f"chaosg{number}", f"chaosr{number}"
        self._near, self._far = f"10.70.{number}", f"10.71.{number}"
        self._gateway_link, self._broker_link = f"cg{number}", f"cb{number}"
        self.broker_host = f"{self._far}.6"
        self.close()
        for name in (self._gateway, self._router):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", f"cg{number}", "netns", self._gateway, "type", "veth", "peer", f"crg{number}",
            "netns", self._router)  # fmt: skip
        _ip("link", "add", f"cb{number}", "type", "veth", "peer", f"crb{number}", "netns", self._router)
        _ip("-n", self._gateway, "addr", "add", f"{self._near}.2/30", "dev", f"cg{number}")
        _ip("-n", self._router, "addr", "add", f"{self._near}.1/30", "dev", f"crg{number}")
        _ip("-n", self._router, "addr", "add", f"{self._far}.5/30", "dev", f"crb{number}")
        _ip("addr", "add", f"{self.broker_host}/30", "dev", f"cb{number}")
        _ip("-n", self._gateway, "link", "set", f"cg{number}", "up")
        _ip("-n", self._router, "link", "set", f"crg{number}", "up")
        _ip("-n", self._router, "link", "set", f"crb{number}", "up")
        _ip("link", "set", f"cb{number}", "up")
        _ip("-n", self._gateway, "route", "add", "default", "via", f"{self._near}.1")
        _ip("route", "add", f"{self._near}.0/30", "via", f"{self._far}.5")
        self._in_router("sysctl", "-qw", "net.ipv4.ip_forward=1")

    @property
    def prefix(self) -> list[str]:
        """What to put before a command that is to run in the gateway's namespace; it keeps its process id."""
        return ["ip", "netns", "exec", self._gateway]

    def blackhole(self, ways: Sequence[str] = ("up", "down")) -> None:
        """up: from the gateway to the broker."""
        for way in ways:
            _ip("-n", self._router, "route", "replace", "blackhole", self._target(way), "metric", "1")

    def cable(self, is_in: bool) -> None:
        _ip("-n", self._gateway, "link", "set", self._gateway_link, "up" if is_in else "down")
        if is_in:
            _ip("-n", self._gateway, "route", "replace", "default", "via", f"{self._near}.1")

    def lossy(self, percent: int) -> None:
        """So many of a hundred packets of either way are lost, by chance."""
        rules = (
            "table ip chaos {",
            "chain forward {",
            "type filter hook forward priority 0;",
            f"numgen random mod 100 < {percent} drop",
            "}",
            "}",
        )
        self._in_router("nft", "\n".join(rules))

    def heal(self) -> None:
        for way in ("up", "down"):
            _ip("-n", self._router, "route", "del", "blackhole", self._target(way), check=False)
        if shutil.which("nft"):
            self._in_router("nft", "delete table ip chaos", check=False)

    def close(self) -> None:
        # The kernel takes its time over a namespace; what is in this one would be in the way of the next.
        _ip("link", "del", self._broker_link, check=False)
        for name in (self._gateway, self._router):
            _ip("netns", "del", name, check=False)

    def _target(self, way: str) -> str:
        return f"{self.broker_host}/32" if way == "up" else f"{self._near}.2/32"

    def _in_router(self, *command: str, check: bool = True) -> None:
        _ip("netns", "exec", self._router, *command, check=check)


def _ip(*words: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
