"""What happens to the page in a real Chromium when its session ends."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    Site,
    add_member,
    ask_api,
    centre_of,
    draw_point,
    drawings,
    imaging,
    open_image,
    sign_in,
    sign_out,
    take_back,
    wait_until_saved,
)

pytestmark = pytest.mark.browser


def sign_in_again(page: Page, password: str, username: str | None = None) -> None:
    if username is not None:
        page.get_by_test_id("sign-in-username").fill(username)
    page.get_by_test_id("sign-in-password").fill(password)
    page.get_by_test_id("sign-in-submit").click()


def draw_after_the_end(page: Page, site: Site) -> None:
    """End the session and place a point at the middle of the axial plane."""
    open_image(page, site)
    page.get_by_test_id("tool-point").click()
    page.context.clear_cookies()
    page.mouse.click(*centre_of(page))
    expect(page.get_by_test_id("session-ended")).to_contain_text("Your session has ended")
    expect(page.get_by_test_id("drawing-list").get_by_role("listitem", include_hidden=True)).to_have_count(1)


def test_session_that_ends_while_drawing_loses_nothing(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.evaluate("window.before = true")
    draw_after_the_end(page, site)
    assert drawings(site) == []
    expect(page.get_by_test_id("sign-in-username")).to_have_value(site.username)
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(page.get_by_test_id("sign-in-submit")).to_be_visible()
    sign_in_again(page, "not the password")
    expect(page.get_by_test_id("sign-in-problem")).to_be_visible()
    sign_in_again(page, site.password)
    expect(page.get_by_test_id("session-ended")).to_have_count(0)
    wait_until_saved(page)
    assert len(drawings(site)) == 1
    expect(page.get_by_test_id("signed-in-user")).to_be_visible()
    expect(page.get_by_text("My layer")).to_be_visible()
    assert page.evaluate("window.before")
    take_back(page, site)


def test_reading_on_after_the_end_of_the_session_asks_to_sign_in_over_the_page(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    across, down = centre_of(page)
    page.mouse.move(across, down)
    page.context.clear_cookies()
    page.mouse.wheel(0, 100)
    expect(page.get_by_test_id("session-ended")).to_be_visible()
    page.wait_for_url(re.compile(rf"image/{site.image}"))
    sign_in_again(page, site.password)
    expect(page.get_by_test_id("session-ended")).to_have_count(0)
    expect(page.get_by_test_id("pane-z")).to_have_attribute("data-exact", "true")


def test_another_member_never_gets_the_drawings_of_the_first(page: Page, site: Site) -> None:
    password = add_member(site, "second")
    sign_in(page, site)
    draw_after_the_end(page, site)
    page.once("dialog", lambda dialog: dialog.dismiss())
    sign_in_again(page, password, "second")
    expect(page.get_by_test_id("session-ended")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    with page.expect_event("load"):
        sign_in_again(page, password, "second")
    expect(page.get_by_test_id(f"project-{site.project}")).to_be_visible()
    expect(page.get_by_test_id("signed-in-user")).to_have_text(re.compile("second", re.I))
    assert drawings(site) == []


def test_window_of_another_member_does_not_save_in_their_name(page: Page, site: Site) -> None:
    password = add_member(site, "third")
    sign_in(page, site)
    open_image(page, site)
    other = page.context.new_page()
    other.goto(site.url)
    body = {"username": "third", "password": password}
    assert other.request.post(f"{site.url}/api/session.json", data=body).ok
    draw_point(page)
    expect(page.get_by_test_id("session-ended")).to_be_visible()
    assert drawings(site) == []
    sign_in_again(page, site.password)
    wait_until_saved(page)
    (saved,) = drawings(site)
    assert saved["user"] == ask_api(site.url, site.token)("/api/user/current.json")["id"]
    take_back(page, site)


def test_a_member_sees_the_sections_of_their_role_only(page: Page, site: Site) -> None:
    for name, role, asked, landed in (
        ("carrier", "uploader", "images", "jobs"),
        ("drawer", "annotator", "held", "images"),
    ):
        password = imaging(site.workspace, "user", "add", name)["password"]
        imaging(site.workspace, "project", "member", "add", str(site.project), name, role)
        sign_in(page, replace(site, username=name), password=password)
        expect(page.get_by_test_id(f"project-{site.project}")).to_be_visible()
        page.goto(f"{site.url}/#/project/{site.project}/{asked}")
        page.wait_for_url(f"**/project/{site.project}/{landed}")
        expect(page.get_by_test_id(f"tab-{landed}")).to_have_attribute("aria-current", "page")
        expect(page.get_by_test_id(f"tab-{asked}")).to_have_count(0)
        expect(page.get_by_text("Loading")).to_have_count(0)
        expect(page.locator(".notices")).to_have_text("")
        sign_out(page)
