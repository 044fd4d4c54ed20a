"""Times of day that move: every interval stays, no hour does."""

# ruff: noqa: DTZ001, DTZ007 - a moment in a header names no zone.

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from tests.imaging.dicom.headers_made import make_header

PROFILE = Profile(times="moved")
OURS = Pseudonyms(b"k" * 32)
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1))


def read_moment(header: Dataset, name: str) -> datetime:
    text = str(header[f"{name}Date"].value) + str(header[f"{name}Time"].value)
    return datetime.strptime(text, "%Y%m%d%H%M%S.%f" if "." in text else "%Y%m%d%H%M%S")


@given(MOMENTS, MOMENTS, MOMENTS)
def test_every_interval_between_moments_is_kept_to_the_microsecond(first: datetime, second: datetime, third: datetime):
    nested = Dataset()
    nested.ContentDate, nested.ContentTime = third.strftime("%Y%m%d"), third.strftime("%H%M%S.%f")
    header = make_header(
        StudyDate=first.strftime("%Y%m%d"),
        StudyTime=first.strftime("%H%M%S.%f"),
        AcquisitionDateTime=second.strftime("%Y%m%d%H%M%S.%f+0100"),
        SourceImageSequence=Sequence([nested]),
    )
    result = pseudonymise(header, PROFILE, OURS)
    moved = read_moment(result, "Study")
    acquired = datetime.strptime(str(result.AcquisitionDateTime), "%Y%m%d%H%M%S.%f")
    assert acquired - moved == second - first
    assert read_moment(result.SourceImageSequence[0], "Content") - moved == third - first
    assert timedelta(days=-3652) < moved - first < timedelta(days=-1)


@given(st.times())
def test_no_time_of_day_keeps_its_hour(of_day: time):
    result = pseudonymise(make_header(SeriesTime=of_day.strftime("%H%M%S")), PROFILE, OURS)
    moved = datetime.strptime(str(result.SeriesTime), "%H%M%S")
    back = (
        datetime.combine(date.min, of_day.replace(microsecond=0)) - datetime.combine(date.min, moved.time())
    ).seconds
    assert back == OURS.seconds(OURS.subject("", "PHA-0001"))
    assert 3600 <= back <= 23 * 3600


@pytest.mark.parametrize("value", ["08", "0830", "083015", "083015.25"])
def test_a_time_keeps_its_precision(value: str):
    result = pseudonymise(make_header(AcquisitionTime=value), PROFILE, OURS)
    assert len(str(result.AcquisitionTime)) == len(value)
    assert str(result.AcquisitionTime) != value


def test_a_date_without_a_time_moves_by_whole_days():
    result = pseudonymise(make_header(StudyDate="20200601", SeriesTime="000001"), PROFILE, OURS)
    moved = datetime.strptime(str(result.StudyDate), "%Y%m%d").date()
    assert (moved - date(2020, 6, 1)).days == OURS.days(OURS.subject("", "PHA-0001"))


def test_dates_of_many_values_follow_the_times_beside_them():
    header = make_header(DateOfLastCalibration=["20200601", "20200601"], TimeOfLastCalibration=["000000", "235959"])
    result = pseudonymise(header, PROFILE, OURS)
    early, late = (
        datetime.strptime(day + of_day, "%Y%m%d%H%M%S")
        for day, of_day in zip(result.DateOfLastCalibration, result.TimeOfLastCalibration, strict=True)
    )
    assert late - early == timedelta(seconds=86399)


@pytest.mark.parametrize("value", ["NOTIME", "2560", "12345", "99"])
def test_a_time_that_is_none_goes(value: str):
    result = pseudonymise(make_header(SeriesTime=value), PROFILE, OURS)
    assert not result.get("SeriesTime")


def test_slices_that_share_a_date_but_not_a_time_move_each_by_its_own():
    moments = [datetime(2020, 6, 1, hour) for hour in range(24)]
    moved = [
        read_moment(
            pseudonymise(
                make_header(AcquisitionDate=one.strftime("%Y%m%d"), AcquisitionTime=one.strftime("%H%M%S")),
                PROFILE,
                OURS,
            ),
            "Acquisition",
        )
        for one in moments
    ]
    assert {after - before for before, after in zip(moments, moved, strict=True)} == {moved[0] - moments[0]}
