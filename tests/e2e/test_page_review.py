"""Held files in the page: seen, painted over, accepted, deleted."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import Site, ask_api, imaging
from tests.e2e.reviewing import draw_box, middle_of, open_file, open_list, save, watch_decisions
from tests.imaging.dicom.burned_in import NAME, SIDE, body, written
from tests.imaging.dicom.ultrasound import make_ultrasound

_TURNS = itertools.count(1)


@pytest.fixture
def held(site: Site, tmp_path: Path) -> dict[str, int]:
    """Two pictures with a name on them and a text file, by name; a clean picture became an image."""
    turn = next(_TURNS)  # Bytes that are held or published already would not be held again.
    for number, name in enumerate(("one.png", "two.png")):
        save(tmp_path / name, written(f"{NAME} {number}", 20, 3000 + 16 * turn))
    save(tmp_path / "clean.png", np.roll(body(), turn, 0))
    (tmp_path / "notes.txt").write_text(f"no image {tmp_path}")
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


IS_ON_TOP = """part => { const box = part.getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === part }"""


def test_a_box_is_drawn_over_a_name_and_the_image_lacks_it(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    before = {image["id"] for image in imaging(site.workspace, "images", "Chests")}
    open_file(page, held["one.png"])
    picture = page.get_by_test_id("review-picture")
    expect(picture).to_be_visible()
    area = picture.bounding_box()
    assert area is not None
    scale = area["width"] / SIDE
    page.mouse.move(area["x"] + 4 * scale, area["y"] + 4 * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + 252 * scale, area["y"] + 44 * scale, steps=5)
    page.mouse.up()
    page.get_by_test_id("review-redact").click()
    # The next file of the same kind is shown at once.
    expect(page.get_by_role("dialog")).to_contain_text("two.png")
    told = page.get_by_text("The job list shows what comes of it.")
    expect(told).to_be_visible()
    assert told.evaluate(IS_ON_TOP)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id(f"held-{held['one.png']}")).to_contain_text("Decided")
    imaging(site.workspace, "worker", "--once")
    expect(page.get_by_test_id(f"held-{held['one.png']}")).to_have_count(0)
    (made,) = (image["id"] for image in imaging(site.workspace, "images", "Chests") if image["id"] not in before)
    answer = ask_api(site.url, site.token)(f"/api/imageinstance/{made}/plane/z/0")
    stored = np.frombuffer(answer.content, np.uint8).reshape(SIDE, SIDE)
    assert stored[4:44, 4:252].max() < 60
    assert stored.max() > 60
    jobs = ask_api(site.url, site.token)(f"/api/project/{site.project}/job.json")["collection"]
    job = max((job for job in jobs if job["kind"] == "review"), key=lambda job: job["id"])
    painted = len(job["result"][0]["painted"])
    page.get_by_test_id("tab-jobs").click()
    row = page.get_by_test_id(f"job-{job['id']}")
    expect(row).to_contain_text(f"1 image · {painted} box{'' if painted == 1 else 'es'} painted over")
    row.get_by_role("link", name="Open the image").click()
    page.wait_for_url(f"**/project/{site.project}/image/{made}*")


SHOWS_ITS_END = """part => { const text = part.firstElementChild.firstChild, end = document.createRange();
    end.setStart(text, text.length - 8);
    end.setEnd(text, text.length);
    const seen = end.getBoundingClientRect(), box = part.getBoundingClientRect();
    return part.scrollWidth > part.clientWidth && seen.left >= box.left && seen.right <= box.right + 1 }"""


def test_a_name_that_is_too_long_shows_its_end_and_tells_the_rest(
    page: Page, site: Site, held: dict[str, int], tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 720, "height": 800})
    open_list(page, site)
    assert page.get_by_role("row").get_by_title(str(tmp_path / "one.png")).evaluate(SHOWS_ITS_END)
    open_file(page, held["one.png"])
    page.set_viewport_size({"width": 500, "height": 800})
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_test_id("review-picture")).to_be_visible()
    assert dialog.get_by_title(str(tmp_path / "one.png")).evaluate(SHOWS_ITS_END)
    assert dialog.evaluate("seen => seen.scrollWidth - seen.clientWidth") == 0


@pytest.mark.parametrize("pause", [350, 900])
def test_clicks_in_the_same_place_decide_on_one_file_only(
    page: Page, site: Site, held: dict[str, int], pause: int
) -> None:
    decisions = watch_decisions(page)
    open_list(page, site)
    open_file(page, held["one.png"])
    accept = page.get_by_test_id("review-accept")
    expect(accept).to_be_disabled()
    expect(accept).to_be_enabled()
    across, down = middle_of(page, "review-accept")
    for step in range(6):
        page.mouse.click(across + step % 2, down)
        page.wait_for_timeout(pause)
    expect(page.get_by_role("dialog")).to_contain_text("two.png")
    expect(page.get_by_test_id("review-still")).to_be_visible()
    for name in ("accept", "redact", "refuse"):
        expect(page.get_by_test_id(f"review-{name}")).to_be_disabled()
    page.mouse.move(across, down - 200)
    expect(accept).to_be_enabled()
    expect(page.get_by_test_id("review-still")).to_have_count(0)
    assert len(decisions) == 1


def test_decisions_are_taken_with_the_keyboard_one_after_the_other(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    decisions = watch_decisions(page)
    open_list(page, site)
    page.get_by_test_id(f"review-{held['one.png']}").focus()
    page.keyboard.press("Enter")
    accept = page.get_by_test_id("review-accept")
    for name in ("one.png", "two.png"):
        expect(page.get_by_role("dialog")).to_contain_text(name)
        expect(accept).to_be_enabled()
        accept.focus()
        page.keyboard.press("Enter")
        expect(accept).to_be_disabled()
        # The button gets the focus back that it loses while it rests.
        expect(accept).to_be_enabled()
        expect(accept).to_be_focused()
        page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(decisions) == 2


def test_a_file_is_accepted_by_a_second_press_that_is_no_double_click(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    decisions = watch_decisions(page)
    open_list(page, site)
    open_file(page, held["one.png"])
    accept = page.get_by_test_id("review-accept")
    expect(accept).to_be_enabled()
    page.mouse.dblclick(*middle_of(page, "review-accept"))
    expect(accept).to_have_text("Nobody is named?")
    expect(accept).to_be_disabled()
    expect(accept).to_be_enabled()
    assert decisions == []
    # Whoever asks for something else, or draws, has not accepted.
    page.get_by_test_id("review-refuse").click()
    expect(accept).to_have_text("Accept as it is")
    accept.click()
    draw_box(page)
    page.get_by_test_id("review-undo").click()
    expect(accept).to_have_text("Accept as it is")
    accept.click()
    expect(accept).to_be_enabled()
    with page.expect_request("**/review.json") as sent:
        accept.click()
    assert sent.value.post_data_json == {"items": [held["one.png"]], "accept": True}


def test_a_key_that_is_held_down_decides_nothing(page: Page, site: Site, held: dict[str, int]) -> None:
    decisions = watch_decisions(page)
    open_list(page, site)
    open_file(page, held["one.png"])
    accept = page.get_by_test_id("review-accept")
    expect(accept).to_be_enabled()
    accept.focus()
    for _ in range(12):
        page.keyboard.down("Enter")
        page.wait_for_timeout(100)
    page.keyboard.up("Enter")
    expect(accept).to_have_text("Nobody is named?")
    assert decisions == []


def test_a_picture_that_does_not_come_is_asked_for_again(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    page.route("**/frame.png*", lambda route: route.abort())
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-broken")).to_be_visible()
    expect(page.get_by_test_id("review-refuse")).to_be_enabled()
    for name in ("accept", "redact"):
        expect(page.get_by_test_id(f"review-{name}")).to_be_disabled()
    page.unroute("**/frame.png*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("review-accept")).to_be_enabled()


def test_frames_are_counted_from_one(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    page.route("**/preview.json", lambda route: route.fulfill(json=route.fetch().json() | {"frames": 2}))
    open_file(page, held["one.png"])
    expect(page.get_by_text("Frame 1 / 2")).to_be_visible()
    with page.expect_request("**/frame.png?frame=1&*"):
        page.get_by_test_id("review-frame").fill("1")
    expect(page.get_by_text("Frame 2 / 2")).to_be_visible()


def test_frames_without_a_box_are_told_where_nothing_else_is_painted(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    page.route("**/preview.json", lambda route: route.fulfill(json=route.fetch().json() | {"frames": 6}))
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    told = page.get_by_test_id("review-uncovered")
    everywhere = page.get_by_label("Boxes on every frame")
    everywhere.uncheck()
    draw_box(page)
    expect(told).to_have_count(0)
    page.get_by_test_id("review-find").uncheck()
    expect(told).to_have_text("5 of 6 frames have no box")
    everywhere.check()
    draw_box(page)
    expect(told).to_have_count(0)


def test_a_box_is_taken_back_in_sight(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    page.route("**/preview.json", lambda route: route.fulfill(json=route.fetch().json() | {"frames": 2}))
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    page.get_by_label("Boxes on every frame").uncheck()
    draw_box(page)
    draw_box(page)
    page.get_by_test_id("review-frame").fill("1")
    expect(page.get_by_text("Frame 2 / 2")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_text("Frame 1 / 2")).to_be_visible()
    expect(page.get_by_test_id("review-picture").locator("rect")).to_have_count(1)


@pytest.mark.parametrize("finds", [True, False])
def test_only_an_installed_detector_is_offered(page: Page, site: Site, held: dict[str, int], finds: bool) -> None:
    open_list(page, site)
    page.route("**/preview.json", lambda route: route.fulfill(json=route.fetch().json() | {"finds": finds}))
    sent: list[bool] = []

    def decided(route: Route) -> None:
        sent.append(route.request.post_data_json["find"])
        route.fulfill(status=404, json={})

    page.route("**/review.json", decided)
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    redact = page.get_by_test_id("review-redact")
    expect(redact).to_be_enabled(enabled=finds)
    expect(page.get_by_text("no text detector is installed here")).to_have_count(0 if finds else 1)
    draw_box(page)
    expect(page.get_by_test_id("review-find")).to_have_count(1 if finds else 0)
    # Whoever was faster has decided: the dialog says so, and the list is read anew.
    with page.expect_response(lambda answer: answer.url.endswith("/quarantine.json")):
        redact.click()
        expect(page.get_by_role("alert")).to_have_text("Somebody decided on this file already.")
    expect(redact).to_be_disabled()
    assert sent == [finds]


def test_what_lies_outside_the_echoes_is_shaded_while_it_will_be_painted(
    page: Page, site: Site, tmp_path: Path
) -> None:
    make_ultrasound(np.full((1, 90, 120), 40, np.uint8), (20, 15, 119, 89)).save_as(tmp_path / "us.dcm")
    save(tmp_path / "clean.png", np.roll(body(), next(_TURNS), 1))
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    (key,) = (row["id"] for row in imaging(site.workspace, "quarantine", "list", "Chests") if "us.dcm" in row["name"])
    open_list(page, site)
    open_file(page, key)
    shaded = page.get_by_test_id("review-outside")
    expect(shaded).to_have_count(2)
    expect(page.get_by_text("goes too when you paint")).to_be_visible()
    assert shaded.first.evaluate("part => getComputedStyle(part).fill") == "rgba(0, 0, 0, 0.62)"
    # Accepting paints nothing, so nothing is shaded while it is asked for.
    accept = page.get_by_test_id("review-accept")
    accept.click()
    expect(shaded).to_have_count(0)
    expect(page.get_by_text("goes too when you paint")).to_have_count(0)
    expect(page.get_by_text("Nothing is painted")).to_be_visible()
    draw_box(page)
    page.get_by_test_id("review-find").uncheck()
    expect(shaded).to_have_count(0)
    page.get_by_test_id("review-find").check()
    expect(shaded).to_have_count(2)


def test_boxes_are_taken_back_and_not_lost_unasked(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    boxes = page.get_by_test_id("review-picture").locator("rect")
    for key in ("Control+z", "Backspace"):
        draw_box(page)
        expect(boxes).to_have_count(1)
        page.keyboard.press(key)
        expect(boxes).to_have_count(0)
    draw_box(page)
    page.keyboard.press("Escape")
    expect(page.get_by_text("The boxes are lost when you close.")).to_be_visible()
    expect(boxes).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_picture_is_enlarged_and_boxes_stay_where_they_are_drawn(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    dialog, picture = page.get_by_role("dialog"), page.get_by_test_id("review-picture")
    assert dialog.evaluate("seen => seen.scrollHeight - seen.clientHeight") == 0
    before = picture.bounding_box()
    page.get_by_test_id("review-zoom-4").click()
    expect(page.get_by_test_id("review-zoom-4")).to_have_attribute("aria-pressed", "true")
    area = picture.bounding_box()
    assert before is not None
    assert area is not None
    assert before["height"] > 480
    assert area["height"] == pytest.approx(4 * before["height"], rel=0.01)
    page.mouse.move(640, 400)
    page.mouse.wheel(0, -5000)
    expect(dialog.locator(".stage")).to_have_js_property("scrollTop", 0)
    area = picture.bounding_box()
    assert area is not None
    scale = area["width"] / SIDE
    left = round((700 - area["x"]) / scale)
    page.mouse.move(area["x"] + (left + 0.5) * scale, area["y"] + 4.5 * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + (left + 9.5) * scale, area["y"] + 13.5 * scale, steps=4)
    page.mouse.up()
    box = picture.locator("rect")
    for name, value in {"x": left, "y": 4, "width": 10, "height": 10}.items():
        expect(box).to_have_attribute(name, str(value))


def test_text_is_found_and_painted_without_a_box(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, held["two.png"])
    expect(page.get_by_test_id("review-picture")).to_be_visible()
    page.get_by_test_id("review-redact").click()
    imaging(site.workspace, "worker", "--once")
    assert held["two.png"] not in {row["id"] for row in imaging(site.workspace, "quarantine", "list", "Chests")}


def test_a_file_without_a_picture_is_deleted_after_a_second_question(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    # The pointer stays where it opened the file.
    page.get_by_test_id(f"review-{held['notes.txt']}").click()
    expect(page.get_by_test_id("review-still")).to_be_visible()
    expect(page.get_by_test_id("review-unseen")).to_have_text(
        "There is no picture to see in this file; it can only be deleted."
    )
    page.mouse.move(640, 400)
    expect(page.get_by_test_id("review-still")).to_have_count(0)
    expect(page.get_by_test_id("review-unseen")).to_be_visible()
    expect(page.get_by_test_id("review-accept")).to_have_count(0)
    refuse = page.get_by_test_id("review-refuse")
    refuse.click()
    expect(refuse).to_have_text("Delete for good?")
    expect(refuse).to_be_disabled()
    refuse.click()
    expect(page.get_by_test_id(f"held-{held['notes.txt']}")).to_have_count(0)


def test_the_faint_look_shows_another_picture(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, held["one.png"])
    with page.expect_response(lambda answer: "look=contrast" in answer.url) as looked:
        page.get_by_role("button", name="Faint text").click()
    shown = Picture.open(io.BytesIO(looked.value.body()))
    assert shown.size == (SIDE, SIDE)
