"""A person in front of Chromium. Looks at every page with axe's eyes and reads the console."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
PATIENCE_MS = 60_000
PORTAL_PASSWORD = "sandbox-1234"


class Person:
    def __init__(self, browser: Browser, *, width: int, height: int, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.width = width
        self.has_script = options.get("java_script_enabled", True)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: Any) -> None:
        # A page that answers 404 or 410 on purpose is reported too; that is no complaint.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def leave(self) -> None:
        self.context.close()
        assert self.complaints == []

    def open(self, url: str) -> "Person":
        self.page.goto(url)
        return self

    def reads(self, text: str) -> "Person":
        """The words are on the page, and the page is fit to be shown."""
        self.page.get_by_text(text).first.wait_for()
        self.check_page()
        return self

    def check_page(self) -> None:
        if not self.has_script:
            return  # axe is a script; the same pages are checked with script on
        found = Axe().run(self.page, options=WCAG).response["violations"]
        words = [(entry["id"], [node["html"] for node in entry["nodes"]]) for entry in found]
        assert words == [], f"{self.page.url}: {words}"
        overflow = self.page.evaluate("document.documentElement.scrollWidth")
        assert overflow <= self.width, f"{self.page.url} is {overflow} px wide on a screen of {self.width}"

    def press(self, name: str) -> "Person":
        self.page.get_by_role("button", name=name).click()
        return self

    def follow(self, name: str) -> "Person":
        self.page.get_by_role("link", name=name).first.click()
        return self

    def search(self, words: str) -> "Person":
        """Type as people do; without script, press Search."""
        self.page.get_by_role("searchbox").press_sequentially(words, delay=10)
        if not self.has_script:
            self.press("Search")
        return self

    def sign_in_to_sandbox(self, username: str, decision: str = "allow", chart: str | None = None) -> "Person":
        self.page.wait_for_url("**/sandbox/**")
        self.check_page()
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", PORTAL_PASSWORD)
        self.press("Sign in")
        self.page.locator(f"button[value={decision}]").wait_for()
        self.check_page()
        if chart:
            self.page.get_by_role("radio", name=chart).check()
        self.page.locator(f"button[value={decision}]").click()
        return self
