"""deploy/kubernetes as kustomize builds it: schemas, what names what, and what a rollout and an outage need."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.main import get_command

from deploy.local.errors import PartUnavailable
from streams.cli import app
from streams.contracts import topics
from streams.runtime.settings import ClassifySettings, load
from tests.absent import cannot_run
from tests.deploy.cluster import CRDS
from tests.deploy.kubernetes_clients import find_client
from tests.deploy.ops import validate
from tools.helm_chart.schema import SETTINGS

ROOT: Final = Path(__file__).parents[2]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
SERVICES: Final = ("bridge", "classifier", "sink", "reconcile")
MADE_BY_HAND: Final = {"rds-certificates"}
NOT_SETTINGS: Final = {"XDG_CACHE_HOME"}
UNKNOWN_TO_THE_VALIDATOR: Final = {"ScaledObject", "TriggerAuthentication", "PodMonitor"}

Resource = dict[str, Any]


def build(overlay: Path) -> str:
    try:
        kubectl = find_client("kubectl")
    except PartUnavailable as missing:
        cannot_run(str(missing))
    built = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True, timeout=150, check=False)
    assert built.returncode == 0, built.stderr
    return built.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("built") / "petstream.yaml"
    file.write_text(build(KUBERNETES / "overlays" / "example"))
    return file


@pytest.fixture(scope="module")
def resources(built: Path) -> list[Resource]:
    return list(yaml.safe_load_all(built.read_text()))


def of_kind(resources: list[Resource], *kinds: str) -> dict[str, Resource]:
    return {each["metadata"]["name"]: each for each in resources if each["kind"] in kinds}


def pods(resources: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Name and pod template of each workload."""
    for name, each in of_kind(resources, "Deployment").items():
        yield name, each["spec"]["template"]
    for name, each in of_kind(resources, "CronJob").items():
        yield name, each["spec"]["jobTemplate"]["spec"]["template"]


def container(template: Resource) -> Resource:
    (only,) = template["spec"]["containers"]
    found: Resource = only
    return found


def environment(resources: list[Resource], template: Resource) -> dict[str, str]:
    maps = of_kind(resources, "ConfigMap")
    found: dict[str, str] = {}
    for source in container(template)["envFrom"]:
        found |= maps[source["configMapRef"]["name"]]["data"]
    return found | {each["name"]: each["value"] for each in container(template).get("env", [])}


# --- forms


def test_every_resource_has_the_form_that_kubernetes_asks_for(built: Path) -> None:
    found = validate("kubernetes-validate", "--strict", built)
    assert found.returncode == 0, found.stdout
    unknown = set(re.findall(r"Couldn't find schema for kind (\w+)", found.stdout + found.stderr))
    assert unknown == UNKNOWN_TO_THE_VALIDATOR


def test_resources_of_operators_have_the_form_that_the_operators_ask_for(resources: list[Resource]) -> None:
    checked = set()
    for file in CRDS.glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())["spec"]
        (served,) = [version for version in definition["versions"] if version["served"]]
        asks = Draft202012Validator(closed(served["schema"]["openAPIV3Schema"]))
        for each in of_kind(resources, definition["names"]["kind"]).values():
            assert each["apiVersion"] == f"{definition['group']}/{served['name']}"
            asks.validate(each)
            checked.add(each["kind"])
    assert checked == UNKNOWN_TO_THE_VALIDATOR


def closed(schema: Any) -> Any:
    """The schema, with fields that it does not know refused. Kubernetes ignores these, or warns."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(each) for key, each in schema.items()}
    is_object = schema.get("type") == "object" and "properties" in schema
    return {"additionalProperties": False} | inner if is_object else inner


def test_what_comes_first_can_be_built_alone_and_is_the_same_in_the_whole(resources: list[Resource]) -> None:
    first = list(yaml.safe_load_all(build(KUBERNETES / "overlays" / "example" / "prepare")))
    assert [each for each in first if each not in resources] == []
    assert set(of_kind(first, "CronJob")) == {"topics", "migrate"}
    assert not of_kind(first, "Deployment")


def test_every_file_is_part_of_something() -> None:
    named = set()
    for file in KUBERNETES.rglob("kustomization.yaml"):
        read = yaml.safe_load(file.read_text())
        for path in read.get("resources", []) + read.get("components", []):
            target = (file.parent / path).resolve()
            assert target.exists(), (file, path)
            named.add(target if target.is_file() else target / "kustomization.yaml")
    overlays = {KUBERNETES / "overlays" / "example" / "kustomization.yaml"}
    assert set(KUBERNETES.rglob("*.yaml")) == named | overlays


# --- what names what


def test_every_name_that_a_pod_mentions_exists(resources: list[Resource]) -> None:
    maps, accounts = of_kind(resources, "ConfigMap"), of_kind(resources, "ServiceAccount")
    for name, template in pods(resources):
        spec = template["spec"]
        assert spec["serviceAccountName"] in accounts, name
        for source in container(template)["envFrom"]:
            assert source["configMapRef"]["name"] in maps, name
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in container(template)["volumeMounts"]:
            assert mount["name"] in volumes, name
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps.keys() | MADE_BY_HAND, name
    assert all(each["metadata"].get("namespace", "petstream") == "petstream" for each in resources)


def test_selectors_match_the_pods_that_they_are_for(resources: list[Resource]) -> None:
    labels = {name: template["metadata"]["labels"] for name, template in pods(resources)}
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        for name, each in of_kind(resources, kind).items():
            wanted = each["spec"]["selector"]["matchLabels"].items()
            assert {pod for pod, has in labels.items() if wanted <= has.items()} == {name}, (kind, name)
    assert set(of_kind(resources, "PodDisruptionBudget")) == set(SERVICES)
    assert set(of_kind(resources, "PodMonitor")) == set(SERVICES)


@pytest.mark.parametrize("workload", SETTINGS)
def test_the_environment_of_a_pod_is_one_that_its_process_takes(
    workload: str, resources: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(resources, dict(pods(resources))[workload])
    for field in SETTINGS[workload].model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    load(SETTINGS[workload])
    known = {field.upper() for role in SETTINGS.values() for field in role.model_fields}
    assert set(given) <= known | NOT_SETTINGS


@pytest.mark.parametrize("workload", [name for name in SETTINGS if name != "operator"])
def test_a_pod_runs_a_command_that_exists_in_the_image_that_has_what_it_needs(
    workload: str, resources: list[Resource]
) -> None:
    runs = container(dict(pods(resources))[workload])
    command, rest = get_command(app), list(runs["args"])
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context(command.name, rest)  # as it is called, it parses
    image = {"classifier": "classify", "sink": "sink", "reconcile": "sink", "migrate": "sink"}
    assert runs["image"].partition(":")[0].rpartition("/")[2] == f"petstream-{image.get(workload, 'bridge')}"
    assert re.search(r":\d+\.\d+\.\d+(-\w+)?$", runs["image"])


def test_the_database_is_known_to_those_alone_who_use_it(resources: list[Resource]) -> None:
    users = {
        name: environment(resources, template).get("DATABASE_USERNAME")
        for name, template in pods(resources)
        if any(key.startswith("DATABASE_") for key in environment(resources, template))
    }
    assert users == {
        "sink": "petstream_writer",
        "reconcile": "petstream_reader",
        "migrate": "petstream_migrator",
        "operator": "petstream_reader",
    }


def test_what_is_reconciled_is_where_the_bucket_tells_of_uploads(resources: list[Resource]) -> None:
    (place,) = [word for word in container(dict(pods(resources))["reconcile"])["args"] if word.startswith("s3://")]
    prefix = re.search(r"UploadsPrefix:\n.*\n\s+Default: (\S+)", (ROOT / "deploy" / "aws" / "ingest.yaml").read_text())
    assert prefix is not None
    assert place == f"s3://$(S3_BUCKET)/{prefix[1]}"


def test_the_certificate_of_the_database_is_mounted_where_it_is_looked_for(resources: list[Resource]) -> None:
    for name in ("sink", "reconcile", "migrate", "operator"):
        template = dict(pods(resources))[name]
        looked = Path(environment(resources, template)["DATABASE_SSL_ROOT_CERTIFICATE"])
        assert str(looked.parent) in {mount["mountPath"] for mount in container(template)["volumeMounts"]}


# --- changes, rollouts and outages


def test_a_changed_setting_or_image_can_be_applied(resources: list[Resource], tmp_path: Path) -> None:
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / "example"
    for file, value, changed in (
        (overlay / "prepare" / "kustomization.yaml", r"(?m)^(\s+- \w+=.+)$", r"\g<1>1"),
        (overlay / "release" / "kustomization.yaml", r"(newTag: [\w.-]+)", r"\g<1>1"),
    ):
        text, count = re.subn(value, changed, file.read_text())
        assert count >= 3
        file.write_text(text)
    after = list(yaml.safe_load_all(build(overlay)))
    assert not of_kind(resources, "ConfigMap").keys() & of_kind(after, "ConfigMap").keys()  # so pods start anew
    assert all(changed != dict(pods(resources))[name] for name, changed in pods(after))
    # What the API server refuses to change: https://kubernetes.io/docs/reference/kubernetes-api/
    for kind, field in (("Job", "template"), ("Deployment", "selector")):
        for name, each in of_kind(after, kind).items():
            was = of_kind(resources, kind).get(name, each)
            assert each["spec"][field] == was["spec"][field], f"{kind} {name} cannot be changed: .spec.{field}"


def test_jobs_start_only_when_somebody_starts_them(resources: list[Resource]) -> None:
    assert not of_kind(resources, "Job")
    assert all(each["spec"]["suspend"] is True for each in of_kind(resources, "CronJob").values())


@pytest.mark.parametrize("service", SERVICES)
def test_probes_ask_what_the_process_answers_at_its_port(service: str, resources: list[Resource]) -> None:
    template = dict(pods(resources))[service]
    runs = container(template)
    (port,) = runs["ports"]
    settings = SETTINGS[service].model_fields
    assert port["containerPort"] == settings["health_port"].default
    assert environment(resources, template)["HEALTH_HOST"] == "0.0.0.0"
    answered = re.findall(r'case "(/health[/a-z]*)"', (ROOT / "streams" / "runtime" / "health.py").read_text())
    paths = {}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert runs[probe]["httpGet"]["port"] == port["name"]
        paths[probe] = runs[probe]["httpGet"]["path"]
        assert paths[probe] in answered
    # Ready waits for Kafka, and a Kafka that is away is no reason to start a process again.
    assert paths == {
        "startupProbe": "/health/live",
        "readinessProbe": "/health/ready",
        "livenessProbe": "/health/live",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_may_stop_longer_than_its_process_needs(service: str, resources: list[Resource]) -> None:
    template = dict(pods(resources))[service]
    given = {name.lower(): value for name, value in environment(resources, template).items()}
    settings = SETTINGS[service].model_fields
    needs = float(given.get("shutdown_seconds", settings["shutdown_seconds"].default))
    if service == "bridge":
        needs += settings["sqs_wait_seconds"].default
    assert template["spec"]["terminationGracePeriodSeconds"] >= needs + 15
    if service == "classifier":  # a full queue in front of a decoder that hangs, and a fetch
        assert needs >= 2 * settings["decode_max_seconds"].default


@pytest.mark.parametrize("service", SERVICES)
def test_a_rollout_starts_a_new_pod_before_it_stops_an_old_one(service: str, resources: list[Resource]) -> None:
    spec = of_kind(resources, "Deployment")[service]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert of_kind(resources, "PodDisruptionBudget")[service]["spec"]["maxUnavailable"] == 1
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == spec["selector"]


def test_every_pod_is_hardened(resources: list[Resource]) -> None:
    for name, template in pods(resources):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert container(template)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "/tmp" in {mount["mountPath"] for mount in container(template)["volumeMounts"]}, name
        assert "memory" in container(template)["resources"]["limits"], name
        assert "cpu" in container(template)["resources"]["requests"], name
        assert "cpu" not in container(template)["resources"]["limits"], name
    (namespace,) = of_kind(resources, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_classifiers_memory_holds_the_worst_pictures(resources: list[Resource]) -> None:
    template = dict(pods(resources))["classifier"]
    given = environment(resources, template)
    settings = ClassifySettings.model_fields
    decoders = int(given["DECODE_WORKERS"]) * settings["decode_max_memory_bytes"].default
    limit = int(container(template)["resources"]["limits"]["memory"].removesuffix("Gi")) * 2**30
    engine = 512 * 2**20  # torch, the model and its batches
    assert decoders + settings["in_flight_max_bytes"].default + engine <= limit
    assert given["ENGINE_THREADS"] == container(template)["resources"]["requests"]["cpu"]


# --- the network


def test_only_prometheus_reaches_a_pod(resources: list[Resource]) -> None:
    policies = of_kind(resources, "NetworkPolicy")
    assert policies["deny-all"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (name,) = [name for name, each in policies.items() if each["spec"].get("ingress")]
    (rule,) = policies[name]["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert [port["port"] for port in rule["ports"]] == [9100]


def test_a_pod_reaches_the_ports_that_it_needs_and_no_other(resources: list[Resource]) -> None:
    reached: dict[str, set[int]] = {}
    for name, template in pods(resources):
        labels = template["metadata"]["labels"]
        reached[name] = {
            port["port"]
            for policy in of_kind(resources, "NetworkPolicy").values()
            if selects(policy["spec"]["podSelector"], labels)
            for rule in policy["spec"].get("egress", [])
            for port in rule["ports"]
        }
    everybody = {53, 80}
    assert reached == {
        "bridge": everybody | {9098, 443},
        "classifier": everybody | {9098, 443},
        "sink": everybody | {9098, 5432},
        "reconcile": everybody | {9098, 443, 5432},
        "topics": everybody | {9098},
        "migrate": everybody | {5432},
        "operator": everybody | {9098, 443, 5432},
    }


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    by_label = selector.get("matchLabels", {}).items() <= labels.items()
    return by_label and all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))


def test_the_ports_of_the_network_are_those_of_the_settings(resources: list[Resource]) -> None:
    given = environment(resources, dict(pods(resources))["operator"])
    assert given["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2] == "9098"
    assert given["DATABASE_PORT"] == "5432"


# --- scaling and metrics


def test_lag_decides_how_many_consumers_there_are_up_to_one_a_partition(resources: list[Resource]) -> None:
    scaled = of_kind(resources, "ScaledObject")
    deployments = of_kind(resources, "Deployment")
    partitions = int(environment(resources, dict(pods(resources))["topics"])["KAFKA_PARTITIONS"])
    consumed = {
        "classifier": {
            (topics.CLASSIFIER_GROUP, topics.IMAGE_UPLOADS),
            (topics.BULK_GROUP, topics.IMAGE_UPLOADS_BULK),
        },
        "sink": {
            (topics.SINK_GROUP, topics.IMAGE_CLASSIFICATIONS),
            (topics.SINK_GROUP, topics.IMAGE_REJECTIONS),
        },
    }
    assert set(scaled) == set(consumed)
    for name, each in scaled.items():
        spec = each["spec"]
        assert spec["scaleTargetRef"]["name"] in deployments
        assert "replicas" not in deployments[name]["spec"]  # KEDA's to decide
        assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, partitions)
        assert spec["cooldownPeriod"] >= 300
        assert (
            spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
            >= 300
        )
        found = set()
        for trigger in spec["triggers"]:
            metadata = trigger["metadata"]
            found.add((metadata["consumerGroup"], metadata["topic"]))
            assert metadata["limitToPartitionsWithLag"] == "true"
            assert metadata["excludePersistentLag"] == "true"
            assert metadata["offsetResetPolicy"] == "earliest"
            assert trigger["authenticationRef"]["name"] in of_kind(resources, "TriggerAuthentication")
            environment_of_target = environment(resources, dict(pods(resources))[name])
            assert metadata["bootstrapServersFromEnv"] in environment_of_target
            assert metadata["awsRegion"] == environment_of_target["AWS_REGION"]
            in_flight = {"classifier": "in_flight_max_images", "sink": "sink_max_in_flight"}[name]
            assert int(metadata["lagThreshold"]) > SETTINGS[name].model_fields[in_flight].default
        assert found == consumed[name]


def test_prometheus_finds_the_jobs_that_alerts_go_by(resources: list[Resource]) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    named = set()
    for each in of_kind(resources, "PodMonitor").values():
        (endpoint,) = each["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] == "metrics"
        named |= {rule["replacement"] for rule in endpoint["relabelings"] if rule["targetLabel"] == "job"}
    assert named == jobs


# --- AWS


def test_service_accounts_are_those_that_the_roles_trust(resources: list[Resource]) -> None:
    text = (ROOT / "deploy" / "aws" / "roles.yaml").read_text()
    trusted = set(re.findall(r"kubernetes-service-account: (\S+)", text)) - {"keda-operator"}
    assert trusted == set(of_kind(resources, "ServiceAccount"))
    users = {template["spec"]["serviceAccountName"] for _, template in pods(resources)}
    assert users == trusted
