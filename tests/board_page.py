"""The board in a browser: what a person does there, and what must never happen."""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Browser, Locator, Page, expect

PATIENCE_MS = 150_000
expect.set_options(timeout=PATIENCE_MS)  # of its own it waits 5 s, which a busy machine may need for a page of rows

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  violations.push(`${violatedDirective} ${blockedURI}`);
});
"""
_DROP = """
([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const moved = new DataTransfer();
  moved.items.add(new File([bytes], name, { type }));
  const at = document.querySelector("main");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    at.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: moved }));
  }
}
"""


@dataclass
class BoardPage:
    """``troubles`` are errors of its scripts and dialogs that opened: there must be none."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    async def goto(self, hash_: str = "#/") -> None:
        await self.page.goto(self.url + hash_)
        await expect(self.page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)

    async def drop(self, name: str, data: bytes, kind: str = "image/png") -> None:
        """Drop a file onto the page, as a real event with its data."""
        await self.page.evaluate(_DROP, [name, kind, base64.b64encode(data).decode()])

    def sent(self, name: str) -> Locator:
        """The line of a picture that was sent from this page."""
        return self.page.locator("#followed > li", has_text=name)

    def card(self, text: str) -> Locator:
        return self.page.locator("a.card", has_text=text)

    @property
    def banner(self) -> Locator:
        return self.page.locator(".banner")

    def component(self, name: str) -> Locator:
        return self.page.locator("#components > li").filter(has=self.page.locator("b", has_text=name))

    async def seconds_until(self, name: str, state: str) -> float:
        """Wait until a component is shown in a state; how long it took."""
        began = time.monotonic()
        await expect(self.component(name)).to_have_attribute("data-state", state, timeout=PATIENCE_MS)
        return time.monotonic() - began

    async def violations(self) -> Any:
        return await self.page.evaluate("window.violations")


def print_seconds(what: str, seconds: Mapping[str, float]) -> None:
    """For pytest -s: what the page took to say so."""
    figures = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items())
    print(f"{what}: {figures}")  # noqa: T201 - the test's figure


@asynccontextmanager
async def opened(browser: Browser, url: str, hash_: str = "#/", **options: Any) -> AsyncIterator[BoardPage]:
    """The page, live; at the end nothing must have gone wrong in it, and nothing been asked of other hosts."""
    # Where it is noon: a time of another day is shown with its date, and tests expect times of today.
    behind = datetime.now(UTC).hour - 12
    context = await browser.new_context(timezone_id=f"Etc/GMT{behind:+d}", **options)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    found = BoardPage(page, url)
    await page.add_init_script(_WATCH)
    page.on("pageerror", lambda error: found.troubles.append(str(error)))

    async def dismiss(dialog: Any) -> None:
        found.troubles.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("request", lambda request: found.hosts.add(request.url))
    await found.goto(hash_)
    yield found
    assert found.troubles == []
    assert await found.violations() == []
    assert [asked for asked in found.hosts if not asked.startswith(url)] == []
    await context.close()
