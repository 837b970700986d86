"""The API's page and the pages of errors, as developers see them: on a phone, in the dark, without script."""

import pytest

from tests.browser.person import Person

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def developer(chromium, product, request):
    somebody = Person(chromium, width=320, height=700, color_scheme=request.param)
    yield somebody
    somebody.leave()


def test_the_api_is_described_on_a_phone_in_light_and_dark(developer, product):
    developer.open(f"{product.base_url}/docs").reads("Create a patient flow")
    for summary in developer.page.get_by_text("Other answers").all()[:2]:
        summary.click()
    developer.check_page()

    developer.follow("Create a patient flow")

    assert developer.page.url.endswith("#createPatientFlow")
    developer.page.get_by_role("region", name="curl: Create a patient flow").wait_for()


def test_an_error_is_explained_with_an_example_on_a_phone_in_light_and_dark(developer, product):
    developer.open(f"{product.base_url}/errors/").reads("resource_conflict")

    developer.follow("resource_conflict").reads("What to do")

    assert "Idempotency-Key" in developer.page.get_by_role("region", name="Request").inner_text()


def test_the_api_can_be_read_without_script(person_without_script, product):
    person_without_script.open(f"{product.base_url}/docs").reads("Create a patient flow")

    person_without_script.page.get_by_text("Fields of the answer").first.click()

    person_without_script.page.get_by_text("The patient's link. Give it to nobody else.").first.wait_for()
