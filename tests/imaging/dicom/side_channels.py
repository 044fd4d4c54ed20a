"""The places in a DICOM file where an identifier can stand: each channel plants one token and gives the file's bytes.

The list is public on purpose: `docs/pseudonymisation.md` names every channel beside what other tools leave.
"""

from __future__ import annotations

import zlib
from functools import partial

import numpy as np
from pydicom.uid import UID

from tests.imaging.dicom.planting import (
    BIG,
    DEFLATED,
    ECG,
    IMPLICIT,
    RTSTRUCT,
    SR,
    TOKEN,
    Channel,
    after_deflated,
    before_scan,
    boxed,
    coded,
    content,
    document,
    end_of_meta,
    fitting_table,
    grey,
    header,
    high_bits,
    image,
    inside_deflated,
    j2k,
    j2k_comment,
    j2k_open_end,
    j2k_segment,
    j2k_tile_comment,
    jpeg,
    letters,
    longer_pixels,
    nest,
    odd_fragments,
    overlay,
    preamble,
    private,
    private_in,
    private_sequence,
    put,
    rle,
    rle_surplus,
    save,
    segment,
    spelled,
    table,
    tags_of,
    trailing_element,
    unknown_meta,
    with_pixels,
)

TEXT_TAGS = {
    "image comments": 0x00204000, "patient comments": 0x00104000, "study description": 0x00081030,
    "series description": 0x0008103E, "protocol name": 0x00181030, "operators' name": 0x00081070,
    "institution name": 0x00080080, "station name": 0x00081010, "requested procedure": 0x00321060,
    "admitting diagnoses": 0x00081080, "additional history": 0x001021B0, "derivation description": 0x00082111,
    "acquisition comments": 0x00184000, "device serial number": 0x00181000, "software versions": 0x00181020,
    "manufacturer": 0x00080070, "model name": 0x00081090, "sequence name": 0x00180024, "coil name": 0x00181250,
    "contrast agent": 0x00180010, "body part": 0x00180015, "filter type": 0x00181160, "kernel": 0x00181210,
    "organ": 0x00181030, "window explanation": 0x00281055, "lossy method": 0x00282114, "position indicator": 0x00201040,
    "frame comments": 0x00209158, "stack id": 0x00209056, "image type": 0x00080008, "calibration text": 0x00500030,
}  # fmt: skip
ODD_VALUES = {
    "time": (0x00080030, "TM"), "date": (0x00080020, "DA"), "date and time": (0x0008002A, "DT"),
    "age": (0x00101010, "AS"), "weight": (0x00101030, "DS"), "series number": (0x00200011, "IS"),
    "exposure": (0x00181152, "IS"), "pixel spacing": (0x00280030, "DS"), "sop class": (0x00080016, "UI"),
    "frame of reference": (0x00200052, "UI"), "context uid": (0x0008010D, "UI"), "coding url": (0x0008010E, "UR"),
    "ae title": (0x00080054, "AE"), "long code value": (0x00080119, "UC"), "code by urn": (0x00080120, "UR"),
}  # fmt: skip
BINARY_TAGS = {
    "icc profile": (0x00282000, "OB"), "file set record key": (0x00041500, "CS"), "audio": (0x5000200C, "OW"),
    "curve data": (0x50003000, "OW"), "curve label": (0x50002500, "LO"), "signature": (0x04000120, "OB"),
    "encrypted attributes": (0x04000520, "OB"), "certificate": (0x04000115, "OB"),
    "bad pixel image": (0x00144056, "OB"),
    "selector value": (0x00720065, "OB"), "fill pattern": (0x00700248, "OB"), "smpte": (0x00340007, "OB"),
}  # fmt: skip
SAFE = "SIEMENS MR HEADER"

CHANNELS: dict[str, Channel] = {
    **{f"text: {name}": partial(image, put(tag, "LO", TOKEN)) for name, tag in TEXT_TAGS.items()},
    **{f"nested text: {name}": partial(image, nest("SourceImageSequence", tag, "LO", TOKEN))
       for name, tag in list(TEXT_TAGS.items())[:8]},
    **{f"letters in {name}": partial(image, put(tag, kind, TOKEN)) if kind in ("UC", "UR") else letters(tag, kind)
       for name, (tag, kind) in ODD_VALUES.items()},
    **{f"bytes: {name}": partial(image, put(tag, kind, TOKEN if kind in ("LO", "CS") else TOKEN.encode()))
       for name, (tag, kind) in BINARY_TAGS.items()},
    "unknown public attribute": partial(image, put(0x00187FFE, "LO", TOKEN)),
    "unknown attribute as UN": partial(image, put(0x00187FFC, "UN", TOKEN.encode())),
    "known attribute as UN": partial(image, put(0x00081030, "UN", TOKEN.encode())),
    "unknown even group": partial(image, put(0x77780010, "LO", TOKEN)),
    "retired attribute": partial(image, put(0x00204000 + 0x1000, "LO", TOKEN)),
    "depth 2": partial(image, nest("SourceImageSequence", 0x00082111, "ST", TOKEN, 2)),
    "depth 12": partial(image, nest("SourceImageSequence", 0x00082111, "ST", TOKEN, 12)),
    "depth 70": partial(image, nest("SourceImageSequence", 0x00082111, "ST", TOKEN, 70)),
    "functional groups": partial(image, nest("SharedFunctionalGroupsSequence", 0x00204000, "LT", TOKEN, 2)),
    "request attributes": partial(image, nest("RequestAttributesSequence", 0x00321060, "LO", TOKEN)),
    "original attributes": partial(image, nest("OriginalAttributesSequence", 0x00100010, "PN", TOKEN)),
    "icon image": partial(image, nest("IconImageSequence", 0x7FE00010, "OW", TOKEN.encode())),
    "private block": partial(image, private(0x0009, "PHANTOM PRIVATE", 1, "LO", TOKEN)),
    "private creator": partial(image, private(0x0009, TOKEN, 1, "LO", "x")),
    "private bytes": partial(image, private(0x0029, "SIEMENS CSA HEADER", 0x10, "OB", TOKEN.encode())),
    "private UN": partial(image, private(0x0029, "PHANTOM PRIVATE", 0x10, "UN", TOKEN.encode())),
    "private text under a safe creator": partial(image, private(0x0051, SAFE, 0x0E, "LO", TOKEN)),
    "letters in a safe private value": partial(image, private(0x0019, SAFE, 0x0C, "LO", TOKEN)),
    "private in a sequence": partial(image, private_in("SourceImageSequence")),
    "private group without a creator": partial(image, put(0x00291010, "LO", TOKEN)),
    "private sequence": partial(image, private_sequence),
    "meaning of a known code": partial(image, coded("113100", "DCM", TOKEN)),
    "meaning of an unknown code": partial(image, coded("900000000000003001", "SCT", TOKEN)),
    "value of a local code": partial(image, coded(TOKEN, "99LOCAL", "x")),
    "value of a public code": partial(image, coded(TOKEN, "SCT", "x")),
    "scheme of a code": partial(image, coded("113100", TOKEN, "x")),
    "overlay data": overlay(0x6000, 0x3000, "OB"), "overlay comments": overlay(0x6000, 0x4000, "LT"),
    "overlay label": overlay(0x6000, 0x1500, "LO"), "overlay description": overlay(0x6002, 0x0022, "LO"),
    "last overlay": overlay(0x601E, 0x3000, "OW"), "overlay outside the groups": overlay(0x6020, 0x3000, "OW"),
    "palette without a descriptor": table(0x00281201, None),
    "palette of another length": table(0x00281201, 0x00281101),
    "segmented palette": table(0x00281221, 0x00281101),
    "lut data": table(0x00283006, 0x00283002),
    "letters in US values": partial(image, put(0x00286020, "US", spelled("H", 2))),
    "letters in AT values": partial(image, put(0x00280009, "AT", tags_of(spelled("L", 4)))),
    "letters in UL values": partial(image, put(0x00209157, "UL", spelled("L", 4))),
    "letters in FL values": partial(image, put(0x00186060, "FL", spelled("f", 4))),
    "letters in FD values": partial(image, put(0x00189079, "FD", spelled("d", 8))),
    "letters in US values, implicit": partial(image, put(0x00286020, "US", spelled("H", 2)), syntax=IMPLICIT),
    "letters in OF values": partial(image, put(0x00640009, "OF", TOKEN.encode() + b"QZ")),
    "letters in OD values": partial(image, put(0x0070150D, "OD", TOKEN.encode() + b"QZQZQZ")),
    "letters in OL values": partial(image, put(0x00660040, "OL", TOKEN.encode() + b"QZ")),
    "letters in a safe private US": partial(
        image, private(0x2001, "Philips Imaging DD 001", 0x9F, "US", spelled("H", 2))
    ),
    "palette that fits": fitting_table(0x00281201, 0x00281101),
    "lut data that fits": fitting_table(0x00283006, 0x00283002, "ModalityLUTSequence"),
    "jpeg number of lines": partial(jpeg, before_scan(0xDC)),
    "jpeg 2000 unknown marker": partial(j2k, j2k_segment(0xFF74)),
    "jpeg 2000 tile lengths": partial(j2k, j2k_segment(0xFF55)),
    "jpeg 2000 open end": partial(j2k, j2k_open_end),
    "rle surplus": partial(rle, rle_surplus),
    "preamble": preamble,
    "unknown file meta": unknown_meta,
    "meta: source AE": partial(save, with_pixels(header()), grey(), SourceApplicationEntityTitle=TOKEN),
    "meta: sending AE": partial(save, with_pixels(header()), grey(), SendingApplicationEntityTitle=TOKEN),
    "meta: receiving AE": partial(save, with_pixels(header()), grey(), ReceivingApplicationEntityTitle=TOKEN),
    "meta: version name": partial(save, with_pixels(header()), grey(), ImplementationVersionName=TOKEN),
    "meta: private information": partial(
        save, with_pixels(header()), grey(),
        PrivateInformationCreatorUID=UID("1.2.3"), PrivateInformation=TOKEN.encode(),
    ),
    "bytes after the data set": lambda: image() + TOKEN.encode(),
    "bytes after a deflated data set": after_deflated,
    "padding inside a deflated data set": inside_deflated,
    "data set padding": partial(trailing_element, (0xFFFC, 0xFFFC), b"OB"),
    "digital signature after the pixels": partial(trailing_element, (0xFFFA, 0xFFFA), b"SQ"),
    "private element after the pixels": partial(trailing_element, (0x7FE1, 0x1010), b"OB"),
    "pixels longer than the image": longer_pixels, "longer pixels, implicit": partial(longer_pixels, IMPLICIT),
    "longer pixels, deflated": partial(longer_pixels, DEFLATED),
    "high bits": high_bits, "high bits, signed": partial(high_bits, signed=True),
    "high bits, implicit": partial(high_bits, syntax=IMPLICIT), "high bits, big endian": partial(high_bits, syntax=BIG),
    "low bits": partial(high_bits, low=True),
    "jpeg comment": partial(jpeg, segment(0xFE, TOKEN.encode())),
    "jpeg exif": partial(jpeg, segment(0xE1, b"Exif\0\0" + TOKEN.encode())),
    "jpeg photoshop": partial(jpeg, segment(0xED, TOKEN.encode())),
    "jpeg adobe": partial(jpeg, segment(0xEE, b"Adobe" + TOKEN.encode())),
    "jpeg comment before the scan": partial(jpeg, before_scan(0xFE)),
    "jpeg tail": partial(jpeg, lambda frame: frame + TOKEN.encode()),
    "jpeg jfif thumbnail": partial(jpeg, segment(0xE0, b"JFXX\0\x10" + TOKEN.encode())),
    "jpeg offset table": odd_fragments,
    "jpeg 2000 comment": partial(j2k, j2k_comment),
    "jpeg 2000 comment of a tile": partial(j2k, j2k_tile_comment),
    "jpeg 2000 tail": partial(j2k, lambda frame: frame + TOKEN.encode()),
    "jp2 boxes": partial(j2k, boxed),
    "rle tail": partial(rle, lambda frame: frame + TOKEN.encode()),
    "rle unused offsets": partial(rle, lambda frame: frame, unused=TOKEN.encode()),
    "report text": partial(content, "UT", 0x0040A160, "TEXT", TOKEN),
    "report person": partial(content, "PN", 0x0040A123, "PNAME", TOKEN),
    "report uid": partial(content, "UI", 0x0040A124, "UIDREF", "1.2.3." + "4711471147"),
    "report observer": partial(document, SR, nest("VerifyingObserverSequence", 0x0040A075, "PN", TOKEN)),
    "structure name": partial(document, RTSTRUCT, nest("StructureSetROISequence", 0x30060026, "LO", TOKEN), "RTSTRUCT"),
    "structure reviewer": partial(document, RTSTRUCT, put(0x300E0008, "PN", TOKEN), "RTSTRUCT"),
    "waveform annotation": partial(document, ECG, nest("WaveformAnnotationSequence", 0x00700006, "ST", TOKEN), "ECG"),
    "waveform label": partial(document, ECG, nest("WaveformSequence", 0x003A0020, "SH", TOKEN), "ECG"),
    "waveform bytes": partial(document, ECG, nest("WaveformSequence", 0x54001010, "OW", TOKEN.encode()), "ECG"),
    "embedded document": partial(
        document, "1.2.840.10008.5.1.4.1.1.104.1", put(0x00420011, "OB", TOKEN.encode()), "DOC"
    ),
    "embedded document in a report": partial(document, SR, put(0x00420011, "OB", TOKEN.encode())),
    "document title": partial(document, SR, put(0x00420010, "ST", TOKEN)),
    "presentation text": partial(
        document, "1.2.840.10008.5.1.4.1.1.11.1", nest("GraphicAnnotationSequence", 0x00700006, "ST", TOKEN, 2), "PR"
    ),
    "presentation creator": partial(document, "1.2.840.10008.5.1.4.1.1.11.1", put(0x00700084, "PN", TOKEN), "PR"),
}  # fmt: skip


def tokens_in(encoded: bytes) -> list[bytes]:
    """How the token can be spelled in bytes: plain, wide, one letter per 16-bit word, four bits per word."""
    plain = TOKEN.encode()
    spelled = np.frombuffer(plain, np.uint8)
    nibbles = np.stack([spelled >> 4, spelled & 15], 1).ravel().tobytes()
    hits = [
        one for one in (plain, TOKEN.encode("utf-16-le"), TOKEN.encode("utf-16-be"), b"4711471147") if one in encoded
    ]
    for shift in (0, 1):
        words = np.frombuffer(encoded[shift : len(encoded) - (len(encoded) - shift) % 2], "<u2")
        hits += [plain for part in (words >> 8, words & 0xFF) if plain in part.astype(np.uint8).tobytes()]
        hits += [nibbles for part in (words & 15, words >> 8 & 15) if nibbles in part.astype(np.uint8).tobytes()]
    return hits


def unpacked(encoded: bytes) -> list[bytes]:
    """A file's bytes, and what a deflated data set inflates to."""
    if DEFLATED.encode() not in encoded[:400]:
        return [encoded]
    return [encoded, zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded[end_of_meta(encoded) :])]


def leaks(encoded: bytes) -> bool:
    return any(tokens_in(part) for part in unpacked(encoded))
