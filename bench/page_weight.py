"""`make bench-page`: what a patient's browser loads to show the picker page for the first time.

Runs the product from an empty directory, opens a new flow in Chromium with an empty cache, and prints
every response with its size on the wire (headers included) beside the limit of 40 kB.
"""

from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.product import ROOT, Product
from tests.ports import free_port

LIMIT_BYTES = 40_000


def first_load(browser: Browser, url: str) -> list[tuple[str, int]]:
    """Each response of the page at `url`: its address and its bytes on the wire."""
    page = browser.new_context().new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    names: dict[str, str] = {}
    sizes: list[tuple[str, int]] = []
    session.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.append((names[event["requestId"]], int(event["encodedDataLength"]))),
    )
    page.goto(url, wait_until="networkidle")
    return sizes


def main() -> None:
    product = Product(ROOT / "var" / "bench-page", free_port())
    product.wipe()
    product.start()
    try:
        sources = [entry["id"] for entry in product.get("/connections?limit=3")["data"]]
        body = {"patient_id": "p", "return_url": "https://app.example/", "recommended_connection_ids": sources}
        flow = product.post("/patient-flows", body)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            sizes = first_load(browser, flow["url"])
            browser.close()
    finally:
        product.stop()
    for url, size in sizes:
        print(f"{size:>7} B  {urlsplit(url).path.replace(urlsplit(flow['url']).path, '/c/<token>')}")
    total = sum(size for _, size in sizes)
    print(f"{total:>7} B  in {len(sizes)} responses; the limit is {LIMIT_BYTES} B ({total / LIMIT_BYTES:.0%})")


if __name__ == "__main__":
    main()
