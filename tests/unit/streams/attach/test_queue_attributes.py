"""The queues are those of deploy/aws/ingest.yaml."""

import json
import re
from typing import Any

from streams.attach.queue_attributes import dead_letters_attributes, dead_letters_rules, missing, queue_attributes
from tests.deploy.test_aws_templates import template

PLACE = "arn:aws:sqs:eu-central-1:123456789012"
INTRINSIC = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "petstream",
    "BucketName": "pets",
    "MaxReceiveCount": 100,
    "Queue": f"{PLACE}:petstream-uploads",
    "DeadLetters": f"{PLACE}:petstream-uploads-dead-letters",
}


def resolved(value: Any) -> Any:
    """A template's value, with the functions of CloudFormation worked out."""
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": name}:
            return INTRINSIC[name]
        case {"GetAtt": name}:
            return INTRINSIC[name.removesuffix(".Arn")]
        case {"Sub": text}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(INTRINSIC[found[1]]), text)
    return {name: resolved(each) for name, each in value.items()}


def wanted(queue: str) -> dict[str, Any]:
    resources = template("ingest.yaml")["Resources"]
    policy = resources["QueuePolicy" if queue == "Queue" else "DeadLettersPolicy"]["Properties"]["PolicyDocument"]
    found: dict[str, Any] = resolved({**resources[queue]["Properties"], "Policy": policy})
    return found


def test_the_queue_is_that_of_the_template() -> None:
    template_says = wanted("Queue")
    made = queue_attributes(f"{PLACE}:petstream-uploads-dead-letters", template_says.pop("QueueName"), "pets")
    assert {name: json.loads(text) for name, text in made.items()} == template_says


def test_the_dead_letter_queue_is_that_of_the_template() -> None:
    template_says = wanted("DeadLetters")
    rules = dead_letters_rules(f"{PLACE}:{template_says.pop('QueueName')}", "petstream-uploads")
    made = dead_letters_attributes() | rules
    assert {name: json.loads(text) for name, text in made.items()} == template_says


def test_only_what_is_absent_is_set_and_statements_of_others_stay() -> None:
    made = queue_attributes(f"{PLACE}:q-dead-letters", "q", "pets")
    assert missing(made, made) == {}
    assert missing(made, {**made, "VisibilityTimeout": "5", "RedrivePolicy": '{"other": 1}'}) == {}
    assert missing(made, {}) == {"RedrivePolicy": made["RedrivePolicy"], "Policy": made["Policy"]}
    theirs = {"Sid": "Theirs", "Effect": "Allow"}
    changed = {**made, "Policy": json.dumps({"Version": "2008-10-17", "Id": "x", "Statement": theirs})}
    policy = json.loads(missing(made, changed)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["Theirs", "TheBucketTells", "TlsOnly"]
    assert (policy["Version"], policy["Id"]) == ("2008-10-17", "x")
