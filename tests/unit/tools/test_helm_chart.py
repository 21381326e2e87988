"""deploy/helm/petstream is what the kustomize base says; test_helm_chart.py of tests/deploy renders it."""

import sys

import pytest
import yaml

from tools.helm_chart import __main__ as generator
from tools.helm_chart import base, schema, templates

WRITTEN_BY_HAND = {"README.md", "templates/NOTES.txt", "templates/_values.tpl", "templates/settings.yaml"}


def test_the_chart_is_what_the_base_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--check"])
    generator.main()


def test_nothing_is_left_of_a_resource_that_is_gone() -> None:
    there = {path for path in generator.DIRECTORY.rglob("*") if path.is_file()}
    assert there == generator.files().keys() | {generator.DIRECTORY / name for name in WRITTEN_BY_HAND}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("  replicas: 1\n", ""),
        ("      serviceAccountName: reconcile\n", ""),
        ("configMap: {name: rds-certificates}", "secret: {secretName: rds-certificates}"),
        ("s3://$(S3_BUCKET)/uploads/", "--all"),
        ("          image: petstream-sink\n", "          image: petstream-sink\n          # image: another\n"),
    ],
)
def test_a_base_in_which_a_value_has_no_place_is_an_error(line: str, changed: str) -> None:
    text, described = next(base.documents(base.BASE / "services" / "reconcile.yaml"))
    assert line in text
    with pytest.raises(ValueError, match="matches"):
        templates._resource(text.replace(line, changed), described)


def test_every_workload_has_the_settings_of_its_process() -> None:
    assert schema.SETTINGS.keys() == {each.name for each in base.workloads()}


def test_no_secret_may_be_set_as_a_value() -> None:
    allowed = yaml.safe_load(schema.schema())["properties"]["settings"]["properties"]
    secrets = {"KAFKA_SASL_PASSWORD", "DATABASE_PASSWORD"}
    assert not secrets & {name for group in allowed.values() for name in group["properties"]}
    assert secrets <= {field.upper() for reader in schema.SETTINGS.values() for field in reader.model_fields}
