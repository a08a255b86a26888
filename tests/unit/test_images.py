"""Images of others are named by digest: no registry can change what was tried."""

from __future__ import annotations

import re

from tests.support.sources import ROOT

PINNED = re.compile(r"[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}")
OURS = "clarion:${CLARION_VERSION:-local}"


def test_the_dockerfile_names_its_base_image_by_digest() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    (base,) = [line.removeprefix("ARG PYTHON_IMAGE=") for line in lines if line[:4] == "ARG "]
    assert PINNED.fullmatch(base)
    stages = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert stages == ["${PYTHON_IMAGE}"] * 2


def test_the_compose_file_names_every_image_of_others_by_digest() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    images = set(re.findall(r"^\s+image: (.+)$", compose, re.MULTILINE))
    assert len(images) > 1
    assert [one for one in images - {OURS} if not PINNED.fullmatch(one)] == []
