"""Passwords are hashed at a real cost outside the tests."""

from __future__ import annotations

import subprocess
import sys

from argon2 import extract_parameters, profiles


def test_the_product_hashes_at_the_recommended_cost() -> None:
    program = "from imaging.store.passwords import hash_password; print(hash_password('a good password'))"
    hashed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert extract_parameters(hashed) == profiles.RFC_9106_LOW_MEMORY
