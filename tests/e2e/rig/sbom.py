"""Judges an SBOM by the schema of CycloneDX 1.5: sbom.py < BOM."""

import importlib.resources
import json
import sys

import jsonschema
from referencing import Registry, Resource

FOLDER = importlib.resources.files("cyclonedx.schema") / "_res"


def schema(name):
    return json.loads((FOLDER / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))


def main():
    bom = schema("bom-1.5")
    others = [(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", schema(name)) for name in ("spdx", "jsf-0.82")]
    registry = Registry().with_resources((uri, Resource.from_contents(text)) for uri, text in others)
    jsonschema.Draft7Validator(bom, registry=registry).validate(json.load(sys.stdin))


main()
