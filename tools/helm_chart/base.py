"""What the chart takes from deploy/kubernetes: workloads, settings and images of the example overlay."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

BASE: Final = Path("deploy/kubernetes/base")
COMPONENTS: Final = Path("deploy/kubernetes/components")
EXAMPLE: Final = Path("deploy/kubernetes/overlays/example")

FIXED: Final = frozenset({"HEALTH_HOST", "XDG_CACHE_HOME"})
"""Variables of a pod that follow from its ports and mounts, and are no values."""


@dataclass(frozen=True, slots=True)
class Workload:
    """
    A Deployment or CronJob.

    ``image`` is a key of `images`, ``groups`` are keys of `settings`. ``note`` is the comment on its resources.
    """

    name: str
    image: str
    groups: tuple[str, ...]
    resources: dict[str, Any]
    note: str
    environment: dict[str, str]
    replicas: int | None
    scaled_to: int | None

    @property
    def settings(self) -> dict[str, str]:
        """Settings of this workload alone."""
        return {name: value for name, value in self.environment.items() if name not in FIXED}


def workload(described: dict[str, Any], text: str) -> Workload:
    """
    A Deployment or CronJob of the base.

    Args:
        described: The parsed resource.
        text: Its YAML, for the comment.
    """
    spec = described["spec"]
    template = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
    (container,) = template["spec"]["containers"]
    note = re.search(r"resources: # (.+)", text)
    return Workload(
        name=described["metadata"]["name"],
        image=container["image"].removeprefix("petstream-"),
        groups=tuple(source["configMapRef"]["name"].removeprefix("petstream-") for source in container["envFrom"]),
        resources=container["resources"],
        note=note[1] if note else "",
        environment={each["name"]: each["value"] for each in container.get("env", [])},
        replicas=spec.get("replicas"),
        scaled_to=_scaled().get(described["metadata"]["name"]),
    )


@functools.cache
def workloads() -> tuple[Workload, ...]:
    """All of them: services in the order of a picture's path, then the operator's pod, then the two jobs."""
    return tuple(
        workload(described, text)
        for folder in (BASE / "services", BASE / "prepare")
        for name in resources(folder)
        for text, described in documents(folder / name)
        if described["kind"] in ("Deployment", "CronJob")
    )


def service_accounts() -> list[str]:
    """Their names."""
    return [described["metadata"]["name"] for _, described in documents(BASE / "prepare" / "service-accounts.yaml")]


def settings() -> dict[str, dict[str, str]]:
    """The literals of each ConfigMap, by the part of its name behind ``petstream-``."""
    return {
        generated["name"].removeprefix("petstream-"): dict(literal.split("=", 1) for literal in generated["literals"])
        for generated in _read(EXAMPLE / "prepare" / "kustomization.yaml")["configMapGenerator"]
    }


def images() -> dict[str, tuple[str, str, str]]:
    """Registry, repository and tag of each image, by the part of its name behind ``petstream-``."""
    found = {}
    for image in _read(EXAMPLE / "release" / "kustomization.yaml")["images"]:
        registry, _, repository = image["newName"].rpartition("/")
        found[image["name"].removeprefix("petstream-")] = (registry, repository, image["newTag"])
    return found


def resources(folder: Path) -> list[str]:
    """The files that a kustomization names."""
    names: list[str] = _read(folder / "kustomization.yaml")["resources"]
    return names


def documents(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Text and content of each resource of a file."""
    for text in file.read_text(encoding="utf-8").split("\n---\n"):
        yield text.rstrip("\n") + "\n", yaml.safe_load(text)


@functools.cache
def _scaled() -> dict[str, int]:
    """The most replicas of each Deployment that KEDA scales."""
    return {
        described["spec"]["scaleTargetRef"]["name"]: described["spec"]["maxReplicaCount"]
        for _, described in documents(COMPONENTS / "keda" / "scaled-objects.yaml")
        if described["kind"] == "ScaledObject"
    }


def _read(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return read
