"""docs/events.md tells every topic and every field that is published, with examples that keep their contracts."""

import json
import re
import sys

import jsonschema
import msgspec
import pytest

from streams.contracts import REASONS, encode
from tools import asyncapi_page, schema


def chapter(topic: str) -> str:
    found = re.search(rf"^## {topic}\n(.*?)^## ", asyncapi_page.page(), re.DOTALL | re.MULTILINE)
    assert found is not None, topic
    return found[1]


def test_the_page_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--check"])
    asyncapi_page.main()


@pytest.mark.parametrize("topic", schema.PUBLISHED)
def test_a_topic_has_each_of_its_fields_once_in_their_order(topic: str) -> None:
    table, _, _ = chapter(topic).partition("\nKey: ")
    fields = [field.encode_name for field in msgspec.structs.fields(schema.PUBLISHED[topic])]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == fields


@pytest.mark.parametrize("topic", schema.PUBLISHED)
def test_the_example_is_an_event_of_its_topic(topic: str) -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```", chapter(topic), re.DOTALL | re.MULTILINE)
    assert json.loads(shown) == json.loads(encode(asyncapi_page.EXAMPLES[topic]))
    jsonschema.validate(json.loads(shown), schema.json_schema(schema.PUBLISHED[topic]))


def test_what_a_value_may_be_is_stated() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", chapter("image-rejections"), re.MULTILINE))
    assert rows["key"] == "string, null"
    assert rows["reason"] == ", ".join(f"`{reason}`" for reason in sorted(REASONS))
    assert rows["model"] == "[Model](#model)"
    assert "number, ≥ 0, ≤ 1" in asyncapi_page.page()


def test_how_long_a_topic_keeps_what_it_has_is_reported() -> None:
    assert "Kept: 14 days." in chapter("image-classifications")
    assert "Kept: for ever." in chapter("storage-dead-letters")
    assert "Kept: the last message of each key." in chapter("pipeline-status")
