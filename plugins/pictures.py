"""Reads JPEG, PNG and TIFF pictures; only their samples survive, no EXIF, text or colour profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from imaging.contracts import Picture
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_ORIENTATION, _SIDEWAYS = 274, frozenset({5, 6, 7, 8})
"""Tags of TIFF 6.0."""
_LARGEST_SIDE = 2**15


class PictureReader:
    """A `Reader` of JPEG, PNG and TIFF."""

    def recognises(self, start: bytes) -> bool:
        """Tell by the signature, never by the name."""
        return start.startswith(_STARTS)

    def read(self, path: Path) -> Picture:
        """Decode the samples, turned as the camera's orientation mark says."""
        try:
            with Image.open(path, formats=("JPEG", "PNG", "TIFF")) as picture:
                if max(picture.size) > _LARGEST_SIDE:
                    raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the picture is too large")
                if getattr(picture, "n_frames", 1) > 1:
                    raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the file holds several pictures")
                if picture.format == "TIFF" and picture.getexif().get(_ORIENTATION, 1) in _SIDEWAYS:
                    # Pillow 13.0 puts the rows of such a file together wrongly.
                    raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "a TIFF that lies on its side is not read")
                inverted = _is_inverted(picture)
                picture.load()
                samples = _take_samples(ImageOps.exif_transpose(picture))
                return Picture(~samples if inverted else samples)
        except Image.DecompressionBombError as error:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the picture is too large") from error
        except UnidentifiedImageError as error:
            raise RefusedFileError(Reason.UNREADABLE, "the picture cannot be read") from error
        except (OSError, SyntaxError, ValueError) as error:
            # Pillow reports a cut-off file as OSError and a broken PNG chunk as SyntaxError.
            reason = Reason.TRUNCATED if "truncated" in str(error) else Reason.DECODE_FAILED
            raise RefusedFileError(reason, "the picture cannot be decoded") from error


def _is_inverted(picture: Image.Image) -> bool:
    """Whether zero is white and Pillow leaves it so: it turns 1 and 8 bits round, and 16 not."""
    tags = getattr(picture, "tag_v2", {})
    return picture.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _take_samples(picture: Image.Image) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return (y, x), or (c, y, x) for colour."""
    match picture.mode:
        case "L":
            return np.asarray(picture, np.uint8)
        case "1":
            return np.asarray(picture.convert("L"), np.uint8)
        case "I;16" | "I;16B" | "I;16L":
            return np.asarray(picture).astype(np.uint16)
        case "RGB":
            return np.ascontiguousarray(np.moveaxis(np.asarray(picture, np.uint8), -1, 0))
        case "P" | "PA" | "RGBA" | "LA":
            return _take_samples(_drop_alpha(picture))
        case _:
            raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the colour space of the picture is not read")


def _drop_alpha(picture: Image.Image) -> Image.Image:
    full = picture.convert("RGBA")
    if full.getchannel("A").getextrema()[0] != 255:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the picture is partly transparent")
    return full.convert("L" if picture.mode == "LA" else "RGB")
