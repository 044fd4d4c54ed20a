"""Cytomine's request signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.signature import Form, ReplayGuard, SignedRequest, is_fresh, match_form, split_authorization

NOW = datetime(2026, 11, 21, 23, 4, 51, tzinfo=UTC)
DATE = "Sat, 21 Nov 2026 23:04:51 +0000"


def _sign(private_key, token):
    return base64.b64encode(hmac.new(private_key.encode(), token.encode(), hashlib.sha1).digest()).decode()


def _request(signature, **changes):
    facts = {
        "method": "POST",
        "target": "/api/annotation.json?max=0&offset=0",
        "content_type": "application/json",
        "date": DATE,
        "public_key": "public",
        "signature": signature,
    }
    return SignedRequest(**facts | changes)


@pytest.mark.parametrize(
    ("token", "form"),
    [
        (f"POST\n\napplication/json\n{DATE}", Form.SHORT),
        (f"POST\n\n\n{DATE}", Form.SHORT),
        (f"POST\n\napplication/json\n{DATE}\n/api/annotation.json?max=0&offset=0", Form.LONG),
    ],
)
def test_both_forms_are_known(token, form):
    assert match_form(_request(_sign("private", token)), "private") is form


@pytest.mark.parametrize(
    "changes", [{"method": "PUT"}, {"date": DATE.replace("51", "52")}, {"target": "/api/project.json"}]
)
def test_a_long_signature_covers_method_date_and_path(changes):
    signature = _sign("private", f"POST\n\napplication/json\n{DATE}\n/api/annotation.json?max=0&offset=0")
    assert match_form(_request(signature, **changes), "private") is None


def test_another_key_does_not_sign():
    assert match_form(_request(_sign("private", f"POST\n\napplication/json\n{DATE}")), "other") is None


@given(st.text(max_size=60))
def test_any_text_as_signature_is_merely_wrong(text):
    assert match_form(_request(text), "private") is None


def test_a_second_spelling_of_a_signature_is_refused():
    signature = _sign("private", f"POST\n\napplication/json\n{DATE}")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = signature[:26] + alphabet[alphabet.index(signature[26]) ^ 1] + signature[27:]
    assert base64.b64decode(twin) == base64.b64decode(signature)
    assert match_form(_request(twin), "private") is None


@pytest.mark.parametrize(
    ("shift", "fresh"), [(0, True), (299, True), (-299, True), (301, False), (-301, False), (86_400, False)]
)
def test_a_date_is_fresh_for_five_minutes_either_way(shift, fresh):
    assert is_fresh(DATE, NOW + timedelta(seconds=shift)) is fresh


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 23:04:51 +0000", "1795313029995"])
def test_what_is_no_date_is_not_fresh(date):
    assert not is_fresh(date, NOW)


@given(st.text(max_size=40))
def test_any_text_as_date_is_handled(text):
    assert is_fresh(text, NOW) in (True, False)


def test_times_without_a_zone_are_utc():
    assert is_fresh("Sat, 21 Nov 2026 23:04:51 GMT", NOW)
    assert is_fresh("Sat, 21 Nov 2026 23:04:51 -0000", NOW)
    assert is_fresh("Sun, 22 Nov 2026 00:04:51 +0100", NOW)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("CYTOMINE abc:def=", ("abc", "def=")),
        ("cytomine abc:def=", ("abc", "def=")),
        ("CYTOMINE abc", None),
        ("CYTOMINE :def", None),
        ("Basic abc:def", None),
        ("", None),
    ],
)
def test_the_authorization_header_is_taken_apart(value, parts):
    assert split_authorization(value) == parts


def test_a_signature_is_admitted_once_while_it_is_fresh():
    guard = ReplayGuard()
    assert guard.admit("one", NOW)
    assert guard.admit("two", NOW)
    assert not guard.admit("one", NOW + timedelta(minutes=9))
    assert guard.admit("one", NOW + timedelta(minutes=20))
