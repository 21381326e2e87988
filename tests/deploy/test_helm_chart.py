"""The Helm chart, rendered: it is what kustomize builds, and each of its values changes something or is refused."""

import copy
import json
import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.ops import validate
from tests.deploy.test_kubernetes import (
    KUBERNETES,
    UNKNOWN_TO_THE_VALIDATOR,
    Resource,
    build,
    container,
    environment,
    of_kind,
    pods,
)
from tools.helm_chart.__main__ import DIRECTORY

EXAMPLE: Final = KUBERNETES / "overlays" / "example"
DEFAULTS: Final[dict[str, Any]] = yaml.safe_load((DIRECTORY / "values.yaml").read_text())
DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"
WITHOUT_KEDA: Final = {"keda": {"enabled": False}}

Values = dict[str, Any]


class Chart:
    """The chart, and the program that renders it."""

    def __init__(self, helm: Path) -> None:
        self._helm = helm

    def run(
        self, *arguments: str | Path, values: Values | None = None, chart: Path = DIRECTORY
    ) -> subprocess.CompletedProcess[str]:
        """Run one of Helm's commands on the chart."""
        return subprocess.run(
            [self._helm, *arguments, chart, "--values", "-"],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def render(self, values: Values | None = None, *options: str, chart: Path = DIRECTORY) -> str:
        """What Helm would apply."""
        rendered = self.run("template", "pets", "--namespace", "petstream", *options, values=values, chart=chart)
        assert rendered.returncode == 0, rendered.stderr
        return rendered.stdout

    def resources(self, values: Values | None = None) -> list[Resource]:
        return list(yaml.safe_load_all(self.render(values)))

    def refusal(self, values: Values) -> str:
        rendered = self.run("template", "pets", values=values)
        assert rendered.returncode != 0
        return rendered.stderr


@pytest.fixture(scope="module")
def chart(helm: Path) -> Chart:
    return Chart(helm)


@pytest.fixture(scope="module")
def default(chart: Chart) -> list[Resource]:
    return chart.resources()


def kustomized(overlay: Path) -> dict[tuple[str, str], Resource]:
    """What kustomize builds, without what Helm does in another way: the namespace, and hashes in ConfigMaps' names."""
    text = re.sub(r"\b(petstream-(?:kafka|bucket|model|database))-[0-9a-z]{10}\b", r"\1", build(overlay))
    return by_name([each for each in yaml.safe_load_all(text) if each["kind"] != "Namespace"])


def helmed(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
    """What Helm renders, without the checksums that stand for those hashes."""
    plain = copy.deepcopy(resources)
    for each in of_kind(plain, "Deployment").values():
        metadata = each["spec"]["template"]["metadata"]
        checked = {name.removeprefix("checksum/") for name in metadata.pop("annotations")}
        read = {source["configMapRef"]["name"] for source in container(each["spec"]["template"])["envFrom"]}
        assert {f"petstream-{name}" for name in checked} == read
    return by_name(plain)


def by_name(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
    named = {(each["kind"], each["metadata"]["name"]): each for each in resources}
    assert len(named) == len(resources)
    return named


def marked(values: Any, name: str = "") -> Any:
    """The values with a word or number in the place of each that is found nowhere else; switches stay as they are."""
    match values:
        case dict() if values:
            return {each: marked(value, f"{name}-{each}") for each, value in values.items()}
        case bool():
            return values
        case int():
            return 100_000 + zlib.crc32(name.encode()) % 900_000
        case list():
            return [f"marked{name}"]
        case dict():
            return {"priorityClassName" if name.endswith("-scheduling") else "annotation": f"marked{name}"}
    return f"marked{name}"


def marks(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        for each in values:
            yield from marks(each)
    elif not isinstance(values, bool):
        yield str(values)


# --- equal to kustomize's


def test_with_its_defaults_it_is_what_kustomize_builds(default: list[Resource]) -> None:
    assert helmed(default) == kustomized(EXAMPLE)


def test_its_first_part_is_what_comes_before_the_jobs_and_its_second_the_rest(
    chart: Chart, default: list[Resource]
) -> None:
    first, second = (by_name(chart.resources({"part": part})) for part in ("prepare", "services"))
    assert helmed(list(first.values())) == kustomized(EXAMPLE / "prepare")
    assert not first.keys() & second.keys()
    assert first | second == by_name(default)


def test_without_operators_it_is_what_kustomize_builds_without_their_components(chart: Chart, tmp_path: Path) -> None:
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / "example"
    file = overlay / "kustomization.yaml"
    file.write_text(re.sub(r"  - ../../components/.+\n", "", file.read_text()))
    rendered = chart.resources(WITHOUT_KEDA | {"prometheus": {"podMonitors": False}})
    assert helmed(rendered) == kustomized(overlay)
    assert not {each["kind"] for each in rendered} & UNKNOWN_TO_THE_VALIDATOR


# --- values


def test_every_value_arrives(chart: Chart) -> None:
    values = marked(DEFAULTS) | {"part": "all"}
    values["settings"]["database"]["AWS_REGION"] = values["settings"]["kafka"]["AWS_REGION"]
    with_keda: Values = copy.deepcopy(values)
    with_keda["settings"]["kafka"]["KAFKA_SASL_MECHANISM"] = "AWS_MSK_IAM"
    for image in ("bridge", "classify", "sink"):
        with_keda["images"][image]["digest"] = ""  # or the tag is not used
    rendered = chart.render(values | WITHOUT_KEDA, "--skip-schema-validation")
    rendered += chart.render(with_keda, "--skip-schema-validation")
    assert [mark for mark in marks(values) if mark not in rendered] == []


@pytest.mark.parametrize(
    ("switch", "kind"),
    [
        (("keda", "enabled"), "ScaledObject"),
        (("prometheus", "podMonitors"), "PodMonitor"),
        (("networkPolicies", "enabled"), "NetworkPolicy"),
    ],
)
def test_a_switch_leaves_out_what_it_is_for(
    switch: tuple[str, str], kind: str, chart: Chart, default: list[Resource]
) -> None:
    assert of_kind(default, kind)
    assert not of_kind(chart.resources({switch[0]: {switch[1]: False}}), kind)


@pytest.mark.parametrize(
    ("group", "setting", "value"),
    [
        ("kafka", "KAFKA_PARTITIONS", 6),
        ("bucket", "S3_BUCKET", "other-pets"),
        ("model", "MODEL_URI", "s3://models/pets.pt"),
        ("database", "DATABASE_IAM_AUTH", False),
    ],
)
def test_a_changed_setting_starts_new_pods_of_those_that_read_it(
    group: str, setting: str, value: Any, chart: Chart, default: list[Resource]
) -> None:
    before, changed = dict(pods(default)), chart.resources({"settings": {group: {setting: value}}})
    renewed = {name for name, template in pods(changed) if template != before[name]}
    reading = {
        name
        for name in of_kind(default, "Deployment")
        if {"configMapRef": {"name": f"petstream-{group}"}} in container(before[name])["envFrom"]
    }
    assert renewed == reading != set()
    written = str(value).lower() if isinstance(value, bool) else str(value)
    assert of_kind(changed, "ConfigMap")[f"petstream-{group}"]["data"][setting] == written


def test_what_is_set_arrives_where_it_is_meant_to(chart: Chart, tmp_path: Path) -> None:
    workloads = [name for name, each in DEFAULTS.items() if "secret" in each]
    scheduling = {
        "nodeSelector": {"pool": "pets"},
        "tolerations": [{"key": "pets", "operator": "Exists"}],
        "priorityClassName": "pets",
    }
    values: Values = {
        **{name: {"secret": f"{name}-passwords", "scheduling": scheduling} for name in workloads},
        "images": {"registry": "", "pullSecrets": ["registry"], "sink": {"digest": DIGEST}},
        "settings": {
            "kafka": {"KAFKA_TOPIC_PREFIX": "test-", "OTEL_SERVICE_NAME": "pets"},
            "model": {"IN_FLIGHT_MAX_BYTES": 536_870_912, "ACCEPT_AT": 0.75, "S3_KEY_PATTERN": None},
        },
        "serviceAccounts": {"bridge": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/bridge"}},
    }
    file = tmp_path / "rendered.yaml"
    file.write_text(chart.render(values))
    validated = validate("kubernetes-validate", "--strict", file)
    assert validated.returncode == 0, validated.stdout
    resources = list(yaml.safe_load_all(file.read_text()))
    assert dict(pods(resources)).keys() == set(workloads)
    for name, template in pods(resources):
        assert {"secretRef": {"name": f"{name}-passwords"}} == container(template)["envFrom"].pop()
        assert template["spec"].items() >= scheduling.items()
    given = environment(resources, dict(pods(resources))["classifier"])
    assert given["IN_FLIGHT_MAX_BYTES"] == "536870912"
    assert given["ACCEPT_AT"] == "0.75"
    assert given["OTEL_SERVICE_NAME"] == "pets"
    assert "S3_KEY_PATTERN" not in given
    assert container(dict(pods(resources))["sink"])["image"] == f"petstream-sink@{DIGEST}"
    assert container(dict(pods(resources))["bridge"])["image"] == "petstream-bridge:0.1.0"
    account = of_kind(resources, "ServiceAccount")["bridge"]
    assert account["metadata"]["annotations"] == values["serviceAccounts"]["bridge"]
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    triggers = [each["metadata"] for each in of_kind(resources, "ScaledObject")["sink"]["spec"]["triggers"]]
    assert [each["topic"] for each in triggers] == ["test-image-classifications", "test-image-rejections"]
    assert {each["consumerGroup"] for each in triggers} == {"test-petstream-sink"}


def test_pods_reach_the_ports_that_the_settings_name(chart: Chart) -> None:
    values = {
        "settings": {
            "kafka": {
                "KAFKA_BOOTSTRAP_SERVERS": "one.example:9094,two.example:9095,three.example:9094",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
                "SQS_ENDPOINT_URL": "http://queue.example",
            },
            "bucket": {"S3_ENDPOINT_URL": "https://store.example:9000/", "SQS_QUEUE_URL": "http://queue.example/1/q"},
            "database": {"DATABASE_PORT": 6432},
        }
    }
    policies = of_kind(chart.resources(values), "NetworkPolicy")
    reached = {
        name: [port["port"] for port in policies[name]["spec"]["egress"][-1]["ports"]]
        for name in ("kafka", "database", "bucket-and-queue", "names-and-credentials")
    }
    assert reached == {
        "kafka": [9094, 9095],
        "database": [6432],
        "bucket-and-queue": [443, 9000, 80],
        "names-and-credentials": [4318],
    }


def test_a_pod_is_not_killed_before_it_has_shut_down(default: list[Resource]) -> None:
    allowed = json.loads((DIRECTORY / "values.schema.json").read_text())["properties"]
    longest = {
        name: settings["SHUTDOWN_SECONDS"]["maximum"]
        for name, each in allowed.items()
        if "SHUTDOWN_SECONDS" in (settings := each.get("properties", {}).get("settings", {}).get("properties", {}))
    }
    assert longest
    for name, seconds in longest.items():
        assert seconds < dict(pods(default))[name]["spec"]["terminationGracePeriodSeconds"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"setings": {}}, "at '': additional properties 'setings' not allowed"),
        ({"part": "service"}, "at '/part': value must be one of 'all', 'prepare', 'services'"),
        ({"images": {"sink": {"tag": 0.1}}}, "at '/images/sink/tag': got number, want string"),
        ({"images": {"sink": {"digest": "sha256:12"}}}, "at '/images/sink/digest': 'sha256:12' does not match pattern"),
        ({"settings": {"kafka": {"KAFKA_PARTITION": 6}}}, "additional properties 'KAFKA_PARTITION' not allowed"),
        ({"settings": {"kafka": {"KAFKA_PARTITIONS": "six"}}}, "KAFKA_PARTITIONS': got string, want integer"),
        ({"settings": {"kafka": {"KAFKA_PARTITIONS": 0}}}, "KAFKA_PARTITIONS': minimum: got 0, want 1"),
        ({"settings": {"kafka": {"KAFKA_BOOTSTRAP_SERVERS": "kafka"}}}, "'kafka' does not match pattern"),
        ({"settings": {"kafka": {"KAFKA_BOOTSTRAP_SERVERS": None}}}, "missing property 'KAFKA_BOOTSTRAP_SERVERS'"),
        ({"settings": {"kafka": {"BATCH_MAX_SIZE": 0}}}, "BATCH_MAX_SIZE': minimum: got 0, want 1"),
        ({"settings": {"kafka": {"HEALTH_PORT": 80}}}, "additional properties 'HEALTH_PORT' not allowed"),
        (
            {"settings": {"database": {"DATABASE_PASSWORD": "x"}}},
            "additional properties 'DATABASE_PASSWORD' not allowed",
        ),
        ({"settings": {"database": {"DATABASE_IAM_AUTH": "yes"}}}, "DATABASE_IAM_AUTH': got string, want boolean"),
        ({"sink": {"maxReplicas": 0}}, "at '/sink/maxReplicas': minimum: got 0, want 1"),
        ({"sink": {"settings": {"SHUTDOWN_SECONDS": 600}}}, "SHUTDOWN_SECONDS': maximum: got 600, want 80"),
        ({"settings": {"kafka": {"AWS_REGION": "eu-central-1"}}}, "AWS_REGION differs in settings.kafka and settings"),
        ({"sink": {"replicas": -1}}, "at '/sink/replicas': minimum: got -1, want 0"),
        ({"sink": {"resources": {"limits": {"memory": "2 GB"}}}}, "'2 GB' does not match pattern"),
        ({"sink": {"secret": "Not_A_Name"}}, "at '/sink/secret': 'Not_A_Name' does not match pattern"),
        ({"sink": {"scheduling": {"hostNetwork": True}}}, "additional properties 'hostNetwork' not allowed"),
        ({"serviceAccounts": {"bord": {}}}, "additional properties 'bord' not allowed"),
        (
            {"settings": {"kafka": {"KAFKA_SASL_MECHANISM": None, "KAFKA_SECURITY_PROTOCOL": "SSL"}}},
            "KAFKA_SASL_MECHANISM is another: set keda.enabled=false and scale with replicas",
        ),
    ],
)
def test_a_wrong_value_is_refused(values: Values, message: str, chart: Chart) -> None:
    assert message in chart.refusal(values)


# --- as a chart


def test_helm_finds_no_fault_with_it(chart: Chart) -> None:
    found = chart.run("lint", "--strict")
    assert found.returncode == 0, found.stdout
    assert "1 chart(s) linted, 0 chart(s) failed" in found.stdout


def test_it_can_be_packaged(chart: Chart, helm: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [helm, "package", DIRECTORY, "--destination", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("petstream-*.tgz")
    with tarfile.open(package) as archive:
        packaged = {name.removeprefix("petstream/") for name in archive.getnames()}
    assert packaged == {str(path.relative_to(DIRECTORY)) for path in DIRECTORY.rglob("*") if path.is_file()}
    assert chart.render(chart=package) == chart.render()
