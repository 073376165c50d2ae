"""Checks an answer of the HTTP API against docs/openapi.yaml: conform.py OPENAPI METHOD PATH STATUS < BODY."""

import json
import re
import sys

import jsonschema
import yaml


def operation(description, method, path):
    """The operation whose template fits the path."""
    for template, item in description["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, path.split("?")[0]):
            return item[method.lower()]
    sys.exit(f"{path} is not described")


def main():
    file, method, path, status = sys.argv[1:]
    with open(file, encoding="utf-8") as text:
        description = yaml.safe_load(text)
    answers = operation(description, method, path)["responses"]
    if status not in answers:
        sys.exit(f"{method} {path}: {status} is not described, only {sorted(answers)}")
    answer = answers[status]
    if "$ref" in answer:
        answer = description["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    body = sys.stdin.buffer.read()
    for media_type, content in answer.get("content", {}).items():
        if media_type.endswith("json"):
            schema = dict(content["schema"], components=description["components"])
            jsonschema.Draft202012Validator(schema).validate(json.loads(body))


main()
