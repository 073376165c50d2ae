"""From the output of `cargo metadata` to CycloneDX 1.5: what is built into the binary, with versions, licences, checksums and who needs whom.

Tools of the tests are left out. The same input gives the same document: its serial number is made of what it says.
"""

import hashlib
import json
import pathlib
import re
import sys
import uuid


def checksums(lock):
    """Of each package of a registry, by name and version."""
    found = {}
    for part in lock.split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(name|version|checksum) = "([^"]+)"$', part, re.M))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


def shipped(resolve, root):
    """Ids of the packages that the root needs to run or to be built, and what each of them needs."""
    nodes = {node["id"]: node for node in resolve["nodes"]}
    needs, left = {}, [root]
    while left:
        package = left.pop()
        if package in needs:
            continue
        wanted = {
            dep["pkg"]
            for dep in nodes[package]["deps"]
            if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])
        }
        needs[package] = sorted(wanted)
        left.extend(wanted)
    return needs


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums):
    shown = {
        "type": "application" if package["name"] == "omnigate" else "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package.get("description"):
        shown["description"] = " ".join(package["description"].split())
    if package.get("license"):
        shown["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        shown["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("repository"):
        shown["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return shown


def main():
    metadata = json.load(sys.stdin)
    packages = {package["id"]: package for package in metadata["packages"]}
    root = next(
        package["id"]
        for package in metadata["packages"]
        if package["name"] == "omnigate" and package["source"] is None
    )
    lock = pathlib.Path(metadata["workspace_root"], "Cargo.lock").read_text(encoding="utf-8")
    sums = checksums(lock)
    needs = shipped(metadata["resolve"], root)
    order = sorted(needs, key=lambda one: (packages[one]["name"], packages[one]["version"]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], sums)},
        "components": [component(packages[one], sums) for one in order if one != root],
        "dependencies": [
            {
                "ref": purl(packages[one]),
                "dependsOn": sorted({purl(packages[other]) for other in needs[one]}),
            }
            for one in order
        ],
    }
    text = json.dumps(document, sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    document["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"
    json.dump(document, sys.stdout, indent=2, sort_keys=True)
    print()


main()
