"""What the deployment tests read: the compose file, the Dockerfile and the list of packages."""
import os
import pathlib
import re

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"


def interpolate(text, environment):
    """Compose's ${NAME:-default}, the only form that we use."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}",
                  lambda match: environment.get(match[1]) or match[2], text)


def compose(environment=None):
    """The compose file as Compose sees it, merge keys and variables resolved."""
    text = (DEPLOY / "docker-compose.yml").read_text()
    return yaml.safe_load(interpolate(text, environment or {}))


def prometheus():
    return yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())


def dockerfile():
    """The Dockerfile's instructions as (keyword, arguments), by stage."""
    text = (DEPLOY / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stages = []
    for line in filter(str.strip, text.splitlines()):
        keyword, arguments = line.split(maxsplit=1)
        if keyword == "FROM":
            stages.append([])
        stages[-1].append((keyword, " ".join(arguments.split())))
    return stages


def packages(*groups):
    rows = (line.split() for line in (DEPLOY / "packages.txt").read_text().splitlines()
            if line.strip() and not line.startswith("#"))
    return [package for group, package in rows if group in groups]


def programs():
    """The folder of the programs under test."""
    return pathlib.Path(os.environ["GRADLOOM_BIN"])
