"""The server's description of itself holds for requests that schemathesis makes from it, sensible
ones and others: no failure of the server's own, answers and errors of the form that it says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from processes import LONG
from serving import serving

CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"


@pytest.mark.slow
def test_what_schemathesis_thinks_of(place):
    pytest.importorskip("schemathesis")
    with serving(place) as served:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{served.uri}/openapi.json"),
            *("--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "4"),
            # The other prefixes lead to the same; presigned URLs are refused with 501.
            *("--include-path-regex", "^/(api|get-artifact)", "--exclude-path-regex", "presigned"),
            *("--generation-deterministic", "--no-color"),
        ]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=5 * LONG)
        assert done.returncode == 0, done.stdout
        log = (place / "log").read_text()
    assert "Traceback" not in log and "request " not in log
