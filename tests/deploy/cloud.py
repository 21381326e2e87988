"""An AWS of our own on loopback: ministack with CloudFormation, IAM enforcement and TLS, as the templates need it."""

import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import boto3
from botocore.config import Config

from deploy.local.object_store import ObjectStore
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from deploy.local.tls import self_signed

TEMPLATES: Final = Path(__file__).parents[2] / "deploy" / "aws"
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
ROOT: Final = ("root-of-the-emulator", "secret-of-the-root")

EMULATOR_ONLY: Final = "emulator-only"
_HAVE_BATCHES: Final = frozenset({"sqs:ChangeMessageVisibility", "sqs:DeleteMessage"})
_SERVICES: Final = "cloudformation,cloudwatch,ec2,iam,logs,rds,s3,secretsmanager,sns,sqs,sts"
_PATIENCE_SECONDS: Final = 150.0

Keys = tuple[str, str] | tuple[str, str, str]


class Cloud:
    """
    An emulator within a context. Every request is authenticated, and authorised by the policies in it.

    Where it differs from AWS, seen with 1.5.33: it asks for permissions on batches of SQS (``assume``), it does not
    know the secret of a cluster's administrator (``create``), and it ignores a bucket's lifecycle and a cluster's
    parameters.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "tmp").mkdir(exist_ok=True)
        self._clients: dict[tuple[str, Keys, bool], Any] = {}  # making one takes longer than most requests
        tls = self_signed(directory / "tls")
        self.authority = tls.ca_certificate
        port = free_port()
        self.endpoint_url = f"https://{LOOPBACK}:{port}"
        self._process = ChildProcess(
            "AWS emulator (ministack)",
            [sys.executable, "-m", "ministack"],
            env=ObjectStore(directory)._environment()
            | {
                "AUTH": "true",
                "AWS_ACCESS_KEY_ID": ROOT[0],
                "AWS_SECRET_ACCESS_KEY": ROOT[1],
                "GATEWAY_PORT": str(port),
                "SERVICES": _SERVICES,
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": str(tls.certificate),
                "MINISTACK_SSL_KEY": str(tls.key),
            },
            cwd=directory,
            log_path=directory / "ministack.log",
        )

    def __enter__(self) -> Self:
        self._process.start()
        self._process.wait_until(self._answers, timeout_seconds=_PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop(10)

    def client(self, service: str, keys: Keys = ROOT, *, as_if_unencrypted: bool = False) -> Any:
        """A boto3 client with these credentials; by default those of the account's root."""
        key = (service, keys, as_if_unencrypted)
        if key not in self._clients:
            self._clients[key] = self._connect(service, keys, as_if_unencrypted=as_if_unencrypted)
        return self._clients[key]

    def _connect(self, service: str, keys: Keys, *, as_if_unencrypted: bool) -> Any:
        made = boto3.session.Session().client(  # type: ignore[call-overload] # the service is a variable
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2] if len(keys) == 3 else None,
            verify=str(self.authority),
            config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
        )
        if as_if_unencrypted:  # what a proxy in front says of the request before it; aws:SecureTransport goes by it
            made.meta.events.register(
                "before-sign", lambda request, **_: request.headers.add_header("X-Forwarded-Proto", "http")
            )
        return made

    def create(
        self, stack: str, template: str, parameters: Mapping[str, str], *, without_line: str | None = None
    ) -> dict[str, str]:
        """
        Create a stack from a file of deploy/aws and wait for it; gives its outputs.

        ``without_line`` leaves out the one line that begins so: for what the emulator lacks.
        """
        formation = self.client("cloudformation")
        lines = (TEMPLATES / template).read_text().splitlines(keepends=True)
        kept = [line for line in lines if without_line is None or not line.strip().startswith(without_line)]
        assert len(lines) - len(kept) == (without_line is not None)
        formation.create_stack(
            StackName=stack,
            TemplateBody="".join(kept),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        formation.get_waiter("stack_create_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": int(_PATIENCE_SECONDS)}
        )
        (made,) = formation.describe_stacks(StackName=stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}

    def assume(self, role_arn: str) -> Keys:
        """
        Credentials of a role, as its process would get them.

        The service that hands them out (EKS, ECS) is not emulated, so the role is made to trust this account first.
        Its permissions stay as they are, but for one: a batch of SQS needs the permission for one message on AWS, and
        one of its own here.
        """
        iam, name = self.client("iam"), role_arn.rpartition("/")[2]
        batches = {
            "Effect": "Allow",
            "Action": [f"{granted}Batch" for granted in self._granted(name) & _HAVE_BATCHES],
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:*-uploads",
        }
        if batches["Action"]:
            document = json.dumps({"Version": "2012-10-17", "Statement": [batches]})
            iam.put_role_policy(RoleName=name, PolicyName=EMULATOR_ONLY, PolicyDocument=document)
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
            ],
        }
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        given = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What the policies of a role say, as the stack made them."""
        iam = self.client("iam")
        assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return [
            statement
            for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
            if policy != EMULATOR_ONLY
            for statement in iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]
        ]

    def _granted(self, role: str) -> set[str]:
        actions = [statement["Action"] for statement in self.statements(role)]
        return {name for action in actions for name in ([action] if isinstance(action, str) else action)}

    def _answers(self) -> bool:
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.authority)),
        )
        try:
            with direct.open(f"{self.endpoint_url}/_ministack/health", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
