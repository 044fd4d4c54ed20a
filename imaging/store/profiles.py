"""Rows of profiles: the one that a project has now, and those that its images were made under."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select

from imaging.dicom.profile import Profile
from imaging.domain.base import ProjectKey
from imaging.store.database import Transaction
from imaging.store.projects import update_project
from imaging.store.schema import profile, project


def read_profile(transaction: Transaction, key: ProjectKey) -> Profile:
    """The profile of a project."""
    options = transaction.execute(select(project.c.profile).where(project.c.id == key)).scalar_one()
    return Profile.model_validate(options)


def write_profile(transaction: Transaction, key: ProjectKey, chosen: Profile, at: datetime) -> None:
    """Give a project another profile."""
    update_project(transaction, key, {"profile": chosen.model_dump(mode="json"), "updated": at})


def record_profile(transaction: Transaction, key: ProjectKey, used: Profile) -> bool:
    """Keep what a profile's hash stands for; tells whether it is new to the project."""
    if used.hash in recorded_profiles(transaction, key):
        return False
    values = {"project": key, "hash": used.hash, "options": used.model_dump(mode="json")}
    transaction.execute(insert(profile).values(values))
    return True


def recorded_profiles(transaction: Transaction, key: ProjectKey) -> dict[str, Profile]:
    """The profiles that a project's images were made under, by hash."""
    rows = transaction.execute(select(profile.c.hash, profile.c.options).where(profile.c.project == key))
    return {row.hash: Profile.model_validate(row.options) for row in rows}
