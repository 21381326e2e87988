"""What the kernel knows about processes: who descends from whom, who lives, who listens where."""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_LISTENING = "0A"  # TCP_LISTEN in include/net/tcp_states.h


@pytest.fixture(scope="session")
def descendants() -> Callable[[int], set[int]]:
    return _descendants


@pytest.fixture(scope="session")
def is_alive() -> Callable[[int], bool]:
    return _is_alive


@pytest.fixture(scope="session")
def listening_addresses() -> Callable[[int], set[str]]:
    return _listening_addresses


@pytest.fixture(scope="session")
def running_in() -> Callable[[Path], set[int]]:
    return _running_in


@pytest.fixture
def own_temporary_folder() -> Iterator[Path]:
    """Not pytest's own, which is private to its user: PostgreSQL runs as another when we are root."""
    with tempfile.TemporaryDirectory(prefix="petstream-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def _running_in(folder: Path) -> set[int]:
    """The living processes that have the folder in their command line, their environment or their open files."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            traces = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            traces += b" ".join(bytes(descriptor.readlink()) for descriptor in (process / "fd").iterdir())
        except OSError:  # it ended meanwhile
            continue
        if bytes(folder) in traces and _is_alive(int(process.name)):
            found.add(int(process.name))
    return found


def _status(pid: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def _is_alive(pid: int) -> bool:
    """A zombie is dead: it waits for whoever adopted it to read its status."""
    return _status(pid).get("State", "Z")[0] not in "ZX"


def _descendants(pid: int) -> set[int]:
    parents = {
        int(folder.name): int(_status(int(folder.name)).get("PPid", "0")) for folder in Path("/proc").glob("[0-9]*")
    }
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _listening_addresses(pid: int) -> set[str]:
    """Such as {"127.0.0.1:9092"}; IPv6 addresses that stand for IPv4 ones are given as those, others in hexadecimal."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.update(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
        except FileNotFoundError:
            continue
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in inodes:
                host, port = fields[1].split(":")
                addresses.add(f"{_readable(host)}:{int(port, 16)}")
    return addresses


def _readable(host: str) -> str:
    """Each 32-bit word is printed as the machine stores it, which is backwards on every machine that we run on."""
    mapped = "0000000000000000FFFF0000"
    if len(host) == len(mapped) + 8 and not host.startswith(mapped):
        return host
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(host[-8:])))
