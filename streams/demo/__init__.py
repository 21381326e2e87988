"""``petstream demo``: the whole pipeline on this machine, on real parts; each picture's way is shown as it happens."""

from streams.demo.show import run

__all__ = ["run"]
