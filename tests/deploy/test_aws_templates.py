"""deploy/aws as text: the linters, and what the emulator would not notice if it were missing."""

import re
from typing import Any

import pytest
import yaml

from streams.contracts.topics import TOPICS
from streams.runtime.settings import BridgeSettings, ClassifySettings, SinkSettings
from tests.deploy.cloud import TEMPLATES
from tests.deploy.ops import validate

NAMES = sorted(path.name for path in TEMPLATES.glob("*.yaml"))
FOR_PEOPLE_AND_OTHER_TEMPLATES = re.compile(r"Arn$|^DeadLettersUrl$|^SecurityGroupId$|^ClusterResourceId$")


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, `!Ref x` as {"Ref": "x"}."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _short_form)


def template(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((TEMPLATES / name).read_text(), _Template)  # noqa: S506 - a SafeLoader
    return found


def test_cfn_lint_finds_nothing() -> None:
    found = validate("cfn-lint", *(TEMPLATES / name for name in NAMES))
    assert (found.returncode, found.stdout) == (0, "")


def test_every_finding_of_checkov_that_a_template_suppresses_has_its_reason() -> None:
    for comment in re.findall(r"- id: CKV\S+\n\s+comment: (.*)", "".join((TEMPLATES / n).read_text() for n in NAMES)):
        assert len(comment) > 20


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_used(name: str) -> None:
    read = template(name)
    text = (TEMPLATES / name).read_text()
    for parameter in read["Parameters"]:
        used = re.findall(rf"!Ref {parameter}\b|\$\{{{parameter}\}}", text)
        assert used, parameter


@pytest.mark.parametrize("name", ["ingest.yaml", "database.yaml"])
def test_outputs_are_named_as_the_settings_whose_values_they_are(name: str) -> None:
    known = {field for role in (BridgeSettings, ClassifySettings, SinkSettings) for field in role.model_fields}
    outputs = template(name)["Outputs"]
    assert outputs
    for output in outputs:
        if not FOR_PEOPLE_AND_OTHER_TEMPLATES.search(output):
            assert re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", output).lower() in known, output


def test_what_holds_data_is_kept_when_its_stack_is_deleted() -> None:
    kept = {
        "ingest.yaml": {"Bucket": "Retain", "Queue": "Retain", "DeadLetters": "Retain"},
        "database.yaml": {"Cluster": "Snapshot", "Log": "Retain"},
        "kafka.yaml": {"Cluster": "Retain"},
    }
    for name, policies in kept.items():
        resources = template(name)["Resources"]
        for resource, policy in policies.items():
            assert resources[resource]["DeletionPolicy"] == policy, resource
            assert resources[resource]["UpdateReplacePolicy"] == policy, resource


def test_the_cluster_is_what_the_database_guidelines_ask_for() -> None:
    resources = template("database.yaml")["Resources"]
    cluster = resources["Cluster"]["Properties"]
    wanted = {
        "Engine": "aurora-postgresql",
        "StorageEncrypted": True,
        "DeletionProtection": True,
        "CopyTagsToSnapshot": True,
        "EnableIAMDatabaseAuthentication": True,
        "ManageMasterUserPassword": True,
        "EnableCloudwatchLogsExports": ["postgresql"],
    }
    assert {key: cluster[key] for key in wanted} == wanted
    assert "MasterUserPassword" not in cluster
    zones = [resources[name]["Properties"]["AvailabilityZone"] for name in ("Writer", "Reader")]
    assert zones == [{"Ref": "WriterZone"}, {"Ref": "ReaderZone"}]
    assert [resources[name]["Properties"]["PromotionTier"] for name in ("Writer", "Reader")] == [0, 1]
    for name in ("Writer", "Reader"):
        assert resources[name]["Properties"]["PubliclyAccessible"] is False
        assert resources[name]["Properties"]["DBInstanceClass"] == "db.serverless"


def test_the_parameter_group_encrypts_logs_slow_statements_audits_and_keeps_names_out_of_the_log() -> None:
    group = template("database.yaml")["Resources"]["ParameterGroup"]["Properties"]
    parameters = group["Parameters"]
    assert group["Family"] == "aurora-postgresql17"
    assert parameters["rds.force_ssl"] == "1"
    assert parameters["shared_preload_libraries"].split(",") == ["pg_stat_statements", "pgaudit"]
    assert 0 < int(parameters["log_min_duration_statement"]) <= 500
    assert parameters["pgaudit.role"] == "rds_pgaudit"
    for silent in ("log_parameter_max_length", "log_parameter_max_length_on_error"):
        assert parameters[silent] == "0"


def test_backups_reach_as_far_back_as_the_topics_of_results() -> None:
    days = template("database.yaml")["Parameters"]["BackupDays"]
    longest = max(
        int(topic.config["retention.ms"])
        for topic in TOPICS
        if topic.name in ("image-classifications", "image-rejections")
    )
    assert days["Default"] * 86_400_000 >= longest
    assert days["MinValue"] * 86_400_000 >= longest


@pytest.mark.parametrize("name", ["database.yaml", "kafka.yaml"])
def test_only_the_clients_reach_database_and_brokers(name: str) -> None:
    group = template(name)["Resources"]["SecurityGroup"]["Properties"]
    (rule,) = group["SecurityGroupIngress"]
    assert rule["SourceSecurityGroupId"] == {"Ref": "ClientSecurityGroupId"}
    assert rule["FromPort"] == rule["ToPort"] == {"database.yaml": 5432, "kafka.yaml": 9098}[name]
    assert [each["CidrIp"] for each in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]


def test_every_alarm_tells_somebody_and_says_what_to_do() -> None:
    for name in ("ingest.yaml", "database.yaml"):
        for resource, made in template(name)["Resources"].items():
            if made["Type"] == "AWS::CloudWatch::Alarm":
                assert made["Properties"]["AlarmActions"], resource
                assert len(made["Properties"]["AlarmDescription"]) > 40, resource


def test_only_old_versions_and_broken_uploads_expire() -> None:
    rules = template("ingest.yaml")["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {key for rule in rules for key in rule} == {
        "Id",
        "Status",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
        "ExpiredObjectDeleteMarker",
    }
    assert rules[0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "OldVersionsDays"}}
