"""What `sam package` does, locally: code and definitions go to a bucket, the template names them there.

Nothing else of the template is touched.
"""

import io
import json
import os
import shlex
import shutil
import zipfile
from pathlib import Path

import yaml

BUCKET = "prism-local-artifacts"
_BIG = 4 * 1024 * 1024


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref x`) read as the long ones."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
# A date such as AWSTemplateFormatVersion's is text.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def load(template: Path) -> dict:
    return yaml.load(template.read_text(), Loader=_Loader)


def package(template: Path, functions_dir: Path, code_dir: Path, put) -> dict:
    """The template with its local paths replaced by objects that `put(key, bytes)` has stored."""
    document = load(template)
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            code = _code(name, properties.get("CodeUri"), template, functions_dir, code_dir)
            properties["CodeUri"] = _stored(put, f"{name}.zip", code)
        elif resource["Type"] == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
            definition = (template.parent / properties["DefinitionUri"]).read_bytes()
            properties["DefinitionUri"] = _stored(put, f"{name}.asl.json", definition)
    return document


def _stored(put, key: str, content: bytes) -> dict:
    put(key, content)
    return {"Bucket": BUCKET, "Key": key}


def _code(name: str, uri, template: Path, functions_dir: Path, code_dir: Path) -> bytes:
    """The zipped code of a function: from `functions_dir` by the last part of its path, or where the path says."""
    if not isinstance(uri, str):
        raise SystemExit(f"{name}: CodeUri is not a local path: {json.dumps(uri)}")
    places = [functions_dir / Path(uri).name, template.parent / uri]
    for place in places:
        if place.is_file() and place.suffix == ".zip":
            return place.read_bytes()
        if (place / "bootstrap").is_file():
            return _zipped(place, code_dir / name)
    raise SystemExit(f"{name}: there is no bootstrap in {' nor in '.join(map(str, places))}: build the functions first")


def _zipped(folder: Path, kept: Path) -> bytes:
    """A folder's files; in the place of a big program, a script that runs it.

    A program of a debug build has tens of megabytes, which a dozen functions would carry through the emulator's
    memory for nothing. The program itself is kept aside by a link, so that building it anew changes nothing here.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(str(file.relative_to(folder)))
            entry.external_attr = (file.stat().st_mode & 0o777) << 16
            content = _aside(file, kept) if file.stat().st_size > _BIG else file.read_bytes()
            archive.writestr(entry, content)
    return packed.getvalue()


def _aside(program: Path, kept: Path) -> bytes:
    kept.mkdir(parents=True, exist_ok=True)
    place = kept / program.name
    try:
        os.link(program, place)
    except OSError:
        shutil.copy2(program, place)
    return f'#!/bin/sh\nexec {shlex.quote(str(place))} "$@"\n'.encode()


def dumped(document: dict) -> str:
    return json.dumps(document, default=str)
