"""The option set of pseudonymisation: built-in ones by name, a project's own as TOML (PS3.15 E.3)."""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from imaging.dicom.rules import FOLDER, digest_rules
from imaging.domain.base import Record
from imaging.errors import InvalidInputError

BUILT_IN = ("research", "basic", "longitudinal")
DEFAULT = "research"
_ORDERS = {
    "dates": ("removed", "modified", "full"),
    "times": ("moved", "kept"),
    "birth_date": ("removed", "year", "moved"),
    "faces": ("removed", "kept"),
}
"""Values of options from the strictest to the loosest; a switch that is on and a higher age cap keep more."""
_TIMES_WITHOUT_DATES = "times of day move only where dates are modified"
_REVISION = 3
"""Raised when the code decides otherwise for the same options and the same rule files."""


class Profile(Record):
    """An option set; two profiles with the same hash give the same output for the same key.

    Attributes
    ----------
    safe_private
        Keep the private attributes of Table E.3.10-1, by creator, group and low byte.
    uids, device, institution, characteristics
        Retain what the table's option of that name keeps; descriptions among it are cleaned.
    dates
        `removed`; `modified`: moved by whole days, one number per subject; `full`: as they are.
    times
        Of `modified` dates: `kept`; `moved` by 1 to 23 hours, one number of seconds per subject, for exact times can
        be joined to what a hospital knows.
    birth_date
        `removed`; `year`: moved, then the first of July, so that an age is wrong by half a year at most; `moved`.
    age_cap_years
        Above it an age becomes the cap plus one and the birth date goes.
    descriptors
        Keep the words of descriptions that the vocabulary knows.
    structured_content, graphics
        Keep content items and graphic annotations, cleaned by the same rules.
    faces
        Of heads in volumes: `kept`; `removed` on their way in.
    """

    name: str = Field(default="research", pattern=r"[a-z][a-z0-9_-]{0,30}")
    version: int = Field(default=2, ge=1)
    safe_private: bool = True
    uids: bool = False
    device: bool = False
    institution: bool = False
    characteristics: bool = True
    dates: Literal["removed", "modified", "full"] = "modified"
    times: Literal["kept", "moved"] = "kept"
    birth_date: Literal["removed", "year", "moved"] = "year"
    age_cap_years: int = Field(default=89, ge=0, le=130)
    descriptors: bool = True
    structured_content: bool = False
    graphics: bool = False
    faces: Literal["kept", "removed"] = "kept"

    @classmethod
    def built_in(cls, name: str) -> Profile:
        """Give a profile that comes with the product."""
        return cls(**tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")))

    @classmethod
    def read(cls, name_or_path: str | Path) -> Profile:
        """Read a built-in profile by name, or a TOML file; what a file leaves out is as in `extends`, or `research`.

        Raises
        ------
        InvalidInputError
            No such profile, no TOML, or a key or value that a profile does not have.
        """
        if str(name_or_path) in BUILT_IN:
            return cls.built_in(str(name_or_path))
        try:
            options = tomllib.loads(Path(name_or_path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InvalidInputError(f"the profile is none of {', '.join(BUILT_IN)} and no readable TOML file") from None
        base = options.pop("extends", "research")
        if base not in BUILT_IN:
            raise InvalidInputError(f"a profile extends one of {', '.join(BUILT_IN)}")
        try:
            return cls.model_validate({**cls.built_in(base).model_dump(), **options}, strict=True)
        except ValidationError as error:
            wrong = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]} & set(options))
            if not wrong:
                raise InvalidInputError(f"the profile contradicts itself: {_TIMES_WITHOUT_DATES}") from None
            raise InvalidInputError(f"the profile has unknown keys or wrong values: {', '.join(wrong)}") from None

    @model_validator(mode="after")
    def _times_go_with_dates(self) -> Self:
        if self.times == "moved" and self.dates != "modified":
            raise ValueError(_TIMES_WITHOUT_DATES)
        return self

    def exceeds(self, other: Profile) -> tuple[str, ...]:
        """Name the options under which this profile keeps what the other one removed or changed."""
        options = set(type(self).model_fields) - {"name", "version"}
        if self.dates != other.dates:
            # Times of day come and go with their dates.
            options.remove("times")
        return tuple(sorted(name for name in options if self._looseness(name) > other._looseness(name)))

    def keys_anew(self, before: Profile) -> bool:
        """Whether applying this profile after another one keys or moves what that one kept."""
        uids, times = before.uids and not self.uids, self.times != before.times
        return uids or (self.dates == "modified" and (before.dates == "full" or times))

    @property
    def hash(self) -> str:
        """SHA-256 over the options and the rules, hex: images made under another rule can be told apart."""
        return _hash(self)

    def _looseness(self, option: str) -> int:
        value = getattr(self, option)
        return _ORDERS[option].index(value) if option in _ORDERS else int(value)


@lru_cache(maxsize=64)
def _hash(profile: Profile) -> str:
    told = {
        # Left out where it changes nothing: profiles of images that were made before it keep their hashes.
        "options": profile.model_dump(exclude={"name", "version"} | ({"faces"} if profile.faces == "kept" else set())),
        "rules": digest_rules(),
        "revision": _REVISION,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
