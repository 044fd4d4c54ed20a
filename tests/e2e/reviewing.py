"""What somebody does who decides on held files in the page, as the tests of it say it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, sign_in


def save(path: Path, pixels: np.ndarray) -> None:
    Picture.fromarray((pixels // 16).astype(np.uint8)).save(path)


def open_list(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}/held")
    expect(page.get_by_role("table")).to_be_visible()


def open_file(page: Page, item: int) -> None:
    """Open a held file and look at it: whoever stays on the button decides nothing."""
    page.get_by_test_id(f"review-{item}").click()
    page.mouse.move(640, 400)


def draw_box(page: Page) -> None:
    area = page.get_by_test_id("review-picture").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 20, area["y"] + 20)
    page.mouse.down()
    page.mouse.move(area["x"] + 120, area["y"] + 60, steps=4)
    page.mouse.up()


def middle_of(page: Page, name: str) -> tuple[float, float]:
    area = page.get_by_test_id(name).bounding_box()
    assert area is not None
    return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2


def watch_decisions(page: Page) -> list[str]:
    decisions: list[str] = []
    page.on("request", lambda sent: decisions.append(sent.url) if sent.url.endswith("/review.json") else None)
    return decisions
