"""The board serves the runbook as it stands in the documents, and no link in it leads nowhere."""

import re
import sys

import pytest

from tools import runbook_page


def test_the_page_is_what_the_document_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--check"])
    runbook_page.main()


def test_each_link_leads_to_a_heading_of_the_page() -> None:
    page = runbook_page.page()
    anchors = set(re.findall(r'<h\d id="([^"]+)"', page))
    wanted = re.findall(r'<a href="([^"]*)"', page)
    assert "petstreamdown" in anchors
    assert wanted
    assert {target.removeprefix("#") for target in wanted} <= anchors
