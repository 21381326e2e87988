"""
The chart's values.schema.json: Helm refuses values that it does not allow.

What a setting may be comes from the settings of the processes that read it, so a misspelled name is refused, too.
"""

import json
from typing import Any, Final

from streams.runtime import settings
from tools.helm_chart import base

SETTINGS: Final[dict[str, type[Any]]] = {
    "bridge": settings.BridgeSettings,
    "classifier": settings.ClassifySettings,
    "sink": settings.SinkSettings,
    "reconcile": settings.ReconcilerSettings,
    "operator": settings.CompareAndEnqueueSettings,
    "topics": settings.TopicSettings,
    "migrate": settings.DatabaseSettings,
}
"""Of the process that each workload runs."""

Schema = dict[str, Any]

_NEEDED: Final = frozenset(
    {
        *("AWS_REGION", "KAFKA_BOOTSTRAP_SERVERS", "DATABASE_PORT", "S3_BUCKET"),  # by templates
        *("SQS_QUEUE_URL", "MODEL_URI", "DATABASE_HOST", "DATABASE_NAME"),  # by a process
    }
)
_CONSTRAINTS: Final = (
    "type",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "maxLength",
)
_SERVERS: Final = r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$"
_NAME: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"}
_NAME_OR_NONE: Final[Schema] = {"type": "string", "pattern": "^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_LONGEST_SHUTDOWN: Final = 80
"""Seconds: 10 less than the pods' terminationGracePeriodSeconds, after which they are killed."""
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_AMOUNTS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "integer"], "pattern": r"^\d+(\.\d+)?(m|[kMGTPE]i?)?$"},
}
_ANNOTATIONS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}


def schema() -> str:
    """values.schema.json."""
    described = _all_of(
        {
            "part": {"enum": ["all", "prepare", "services"]},
            "images": _images(),
            "settings": _all_of({group: _group(group) for group in base.settings()}),
            "certificates": _NAME,
            **{each.name: _workload(each) for each in base.workloads()},
            "serviceAccounts": _all_of(dict.fromkeys(base.service_accounts(), _ANNOTATIONS)),
            "keda": _all_of({"enabled": _BOOLEAN}),
            "prometheus": _all_of({"podMonitors": _BOOLEAN, "namespace": _NAME}),
            "networkPolicies": _all_of({"enabled": _BOOLEAN}),
        }
    )
    described["properties"]["global"] = {"type": "object"}  # Helm's, where the chart is part of another
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#"} | described, indent=2) + "\n"


def _all_of(properties: Schema) -> Schema:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _images() -> Schema:
    image = _all_of(
        {
            "repository": _TEXT,
            "tag": {"type": "string", "pattern": r"^\w[\w.-]*$"},
            "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
        }
    )
    return _all_of(
        {
            "registry": {"type": "string"},
            "pullSecrets": {"type": "array", "items": _NAME},
            **dict.fromkeys(base.images(), image),
        }
    )


def _workload(of: base.Workload) -> Schema:
    properties: Schema = {}
    if of.replicas is not None:
        properties["replicas"] = _COUNT
    if of.scaled_to is not None:
        properties["maxReplicas"] = _COUNT | {"minimum": 1}  # KEDA's least
    if of.name == "reconcile":
        properties |= {"prefix": {"type": "string"}, "every": {"type": "string", "pattern": r"^\d+[smhd]$"}}
    if of.settings:
        known = _settings(of.name)
        if "SHUTDOWN_SECONDS" in known:
            known["SHUTDOWN_SECONDS"]["maximum"] = _LONGEST_SHUTDOWN
        properties["settings"] = _all_of({name: known[name] for name in of.settings})
    return _all_of(
        properties
        | {
            "resources": _all_of({"requests": _AMOUNTS, "limits": _AMOUNTS}),
            "secret": _NAME_OR_NONE,
            "scheduling": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "nodeSelector": _ANNOTATIONS,
                    "tolerations": {"type": "array", "items": {"type": "object"}},
                    "affinity": {"type": "object"},
                    "priorityClassName": _NAME,
                },
            },
        }
    )


def _group(group: str) -> Schema:
    """The settings that those who read this ConfigMap know, but for those that a pod has of its own."""
    own = {name for each in base.workloads() for name in each.environment} | {"HEALTH_PORT"}
    known: Schema = {}
    for each in base.workloads():
        if group in each.groups:
            known |= {name: allowed for name, allowed in _settings(each.name).items() if name not in own}
    described = _all_of(known)
    described["required"] = [name for name in base.settings()[group] if name in _NEEDED]
    described["patternProperties"] = {"^OTEL_": {"type": "string"}}  # OpenTelemetry reads more than petstream
    return described


def _settings(workload: str) -> Schema:
    """What each setting of a workload may be; secrets are left out."""
    found: Schema = {}
    for name, described in SETTINGS[workload].model_json_schema()["properties"].items():
        (allowed,) = [each for each in described.get("anyOf", [described]) if each.get("type") != "null"]
        if allowed.get("format") != "password":
            found[name.upper()] = {key: allowed[key] for key in _CONSTRAINTS if key in allowed}
    if "KAFKA_BOOTSTRAP_SERVERS" in found:
        found["KAFKA_BOOTSTRAP_SERVERS"]["pattern"] = _SERVERS
    return found
