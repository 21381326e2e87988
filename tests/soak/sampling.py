"""What a process holds at a moment: memory, descriptors, threads, tasks, connections. Read off /proc: Linux only."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deploy.local.pipeline import Worker
from tests.fuzz.memory import resident_bytes

_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process, ``at_seconds`` into the run."""

    at_seconds: float
    resident_mib: float
    children_mib: float
    """Resident in its children, the decoders."""
    children: float
    descriptors: float
    threads: float
    tasks: float
    """Of the event loop."""
    kafka_connections: float
    database_connections: float
    other_connections: float


def sample(worker: Worker, at_seconds: float, kafka_ports: set[int], database_port: int) -> Sample | None:
    """A look at a process now; None if it ended or does not answer."""
    process = Path(f"/proc/{worker.process.pid}")
    try:
        children = [int(pid) for task in process.glob("task/*/children") for pid in task.read_text("ascii").split()]
        descriptors = list((process / "fd").iterdir())
        ports = _remote_ports(process, descriptors)
        tasks = _series(worker.metrics(), "petstream_event_loop_tasks")
        return Sample(
            at_seconds=round(at_seconds, 1),
            resident_mib=round(resident_bytes(worker.process.pid) / 2**20, 2),
            children_mib=round(sum(map(resident_bytes, children)) / 2**20, 2),
            children=len(children),
            descriptors=len(descriptors),
            threads=sum(1 for _ in (process / "task").iterdir()),
            tasks=tasks,
            kafka_connections=sum(ports[port] for port in kafka_ports),
            database_connections=ports[database_port],
            other_connections=sum(n for port, n in ports.items() if port not in {*kafka_ports, database_port}),
        )
    except OSError:
        return None


def _series(text: str, name: str) -> float:
    return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + " "))


def _remote_ports(process: Path, descriptors: list[Path]) -> Counter[int]:
    """How many TCP connections a process holds to each remote port."""
    sockets = set()
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # closed since it was listed
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    ports: Counter[int] = Counter()
    for table in ("tcp", "tcp6"):
        for line in (process / "net" / table).read_text("ascii").splitlines()[1:]:
            fields = line.split()  # Source: proc_net_tcp.rst of the kernel; 2: remote address, 3: state, 9: inode
            if fields[3] == _ESTABLISHED and fields[9] in sockets:
                ports[int(fields[2].rpartition(":")[2], 16)] += 1
    return ports
