"""What operators read."""

from __future__ import annotations

import logging

from imaging.logs import Lines


def test_a_line_tells_which_job_it_speaks_of_and_nothing_unnamed() -> None:
    record = logging.makeLogRecord({"msg": "job ended", "job": 7, "state": "failed", "path": "/in/DOE^JANE.dcm"})
    assert Lines("%(message)s").format(record) == "job ended job=7 state=failed"
