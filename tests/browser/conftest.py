import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.person import Person
from tests.browser.product import Product
from tests.portals import ReturnApp
from tests.ports import free_port
from tests.settings import VAR_DIR


@pytest.fixture(scope="package")
def product():
    """The product from an empty directory, as a newcomer has it after `make demo`."""
    running = Product(VAR_DIR.with_name("test-product"), free_port())
    running.wipe()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def app():
    """The app that patients come from and go back to: another site, on another port."""
    with ReturnApp() as running:
        yield running


@pytest.fixture
def person(chromium: Browser, product: Product):
    """Somebody with a phone. Every page they see is checked with axe and for what the browser complains about."""
    somebody = Person(chromium, width=320, height=700)
    yield somebody
    somebody.leave()


@pytest.fixture
def person_without_script(chromium: Browser, product: Product):
    somebody = Person(chromium, width=1280, height=800, java_script_enabled=False)
    yield somebody
    somebody.leave()
