import re
from pathlib import Path

from benchmarks import peers

FOLDER = Path(peers.__file__).parent
SHARED = ("aiokafka", "boto3", "numpy", "pillow", "torch", "torchvision")


def test_every_program_is_a_file_and_the_server_starts_before_its_consumers() -> None:
    found = {peer.name: peer for peer in peers.PEERS}
    assert len(found) == len(peers.PEERS)
    for peer in peers.PEERS:
        assert all((FOLDER / f"{module}.py").exists() for module in filter(None, (peer.server, peer.consumer)))
    assert found["quix"].programs(Path("/x/python")) == (("/x/python", "-m", "benchmarks.peers.quix_app"),)
    assert [argv[-1] for argv in found["litserve"].programs(Path("/x/python"), consumers=2)] == [
        "benchmarks.peers.litserve_server",
        "benchmarks.peers.litserve_app",
        "benchmarks.peers.litserve_app",
    ]


def test_settings_to_be_tried_differ_and_name_only_what_a_program_reads() -> None:
    for peer in peers.PEERS:
        modules = ("steps", peer.consumer, *filter(None, [peer.server]))
        source = "".join((FOLDER / f"{module}.py").read_text() for module in modules)
        assert all(f'"{name}"' in source for setting in peer.settings for name in setting.environment)
        assert len({str(setting) for setting in peer.settings}) == len(peer.settings) > 1


def test_a_setting_says_itself_in_a_line() -> None:
    assert str(peers.Setting({"PEER_BATCH": "8"})) == "1 process, batch 8"
    assert str(peers.Setting({"PEER_TORCH_THREADS": "1"}, consumers=2)) == "2 processes, torch threads 1"


def test_peers_run_on_the_versions_that_petstream_runs_on() -> None:
    theirs, ours = _locked(FOLDER / "requirements.lock"), _locked(FOLDER.parents[1] / "requirements.lock")
    assert {name: theirs[name] for name in SHARED} == {name: ours[name] for name in SHARED}
    assert {peer.library for peer in peers.PEERS} <= theirs.keys()


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))
