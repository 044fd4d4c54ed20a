"""The one tree of errors; each is built from facts and phrases itself.

ImagingError
├── InvalidInputError         bad usage or bad input                    exit 2, status 400
│   └── TooLargeError         more bytes than announced, or than ever   exit 2, status 413
├── NotFoundError             absent, or not for this member            exit 2, status 404
├── ForbiddenError            the role does not allow it                exit 3, status 403
│   └── NoDownloadError       files leave by a release, never otherwise exit 3, status 403
├── NotSignedInError          no valid session, key or token            exit 3, status 401
├── StateError                the thing is not in a state for this      exit 3, status 409
│   ├── StaleRevisionError    somebody saved a newer revision           exit 3, status 409
│   └── TakenError            another request is at it just now         exit 3, status 423
├── RefusedFileError          one input file cannot be ingested         (an outcome, not an exit)
├── VerificationError         bytes or chain differ from the record     exit 4, status 500
└── UnavailableError          a part outside us does not answer         exit 1, status 503

No message holds a person, a path from an upload or a DICOM value.
"""

from __future__ import annotations

from imaging.domain.outcome import Reason


class ImagingError(Exception):
    """Everything that this product refuses or fails at on purpose."""

    exit_code = 1


class InvalidInputError(ImagingError):
    """The caller gave something that cannot be used."""

    exit_code = 2

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class TooLargeError(InvalidInputError):
    """More bytes than the thing may have."""

    def __init__(self, kind: str, largest: int) -> None:
        super().__init__(f"this {kind} has at most {largest} bytes")


class NotFoundError(ImagingError):
    """Absent or forbidden: the caller cannot tell which."""

    exit_code = 2

    def __init__(self, kind: str, key: int | str | None = None) -> None:
        super().__init__(f"no such {kind}" if key is None else f"no such {kind}: {key}")
        self.kind = kind
        self.key = key


class ForbiddenError(ImagingError):
    """A member without the role that an action asks for."""

    exit_code = 3

    def __init__(self, action: str, remedy: str = "") -> None:
        super().__init__(f"your role does not allow: {action}" + (f": {remedy}" if remedy else ""))
        self.action = action


class NoDownloadError(ForbiddenError):
    """Files were asked for as a download, which no role allows."""

    def __init__(self) -> None:
        ImagingError.__init__(self, "files leave a project by a reviewed release (the airlock), never as a download")
        self.action = "download"


class NotSignedInError(ImagingError):
    """No valid session, API key or token came with the request."""

    exit_code = 3

    def __init__(self, problem: str = "sign in first") -> None:
        super().__init__(problem)


class StateError(ImagingError):
    """The thing exists, but not in a state that allows this."""

    exit_code = 3

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"{kind}: {problem}")
        self.kind = kind


class StaleRevisionError(StateError):
    """Somebody else saved a newer revision first."""

    def __init__(self, kind: str, *, sent: int, current: int) -> None:
        super().__init__(kind, f"revision {sent} is stale, the current one is {current}")
        self.sent = sent
        self.current = current


class TakenError(StateError):
    """Another request or process is at the thing; it may be tried again."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind, "another request is at it just now")


class RefusedFileError(ImagingError):
    """One input file that cannot become an image; it is quarantined with this reason.

    Parameters
    ----------
    reason
        One of the documented reasons.
    detail
        What an operator can act on; never a header value or a file name.
    """

    exit_code = 2

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class VerificationError(ImagingError):
    """What lies on disk or in the journal is not what was written."""

    exit_code = 4

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what}: not what was written: {where}")
        self.what = what
        self.where = where


class UnavailableError(ImagingError):
    """Something we depend on does not answer or is not installed."""

    exit_code = 1

    def __init__(self, part: str, remedy: str = "") -> None:
        super().__init__(f"{part} is not available" + (f": {remedy}" if remedy else ""))
        self.part = part
