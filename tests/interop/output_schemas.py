"""What the command prints as JSON, against docs/schemas: no key that those do not have, and none missing."""

import functools
import json
import pathlib

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schemas"


def stored(name):
    return json.loads((FOLDER / f"{name}.schema.json").read_text())


def strict(schema):
    """The same schema, but that an object has no further keys: users are told to expect some, tests are not."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" else made


@functools.cache
def validator(name, lenient=False):
    names = [path.name.removesuffix(".schema.json") for path in FOLDER.glob("*.schema.json")]
    schemas = {one: stored(one) if lenient else strict(stored(one)) for one in names}
    registry = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()])
    return Draft202012Validator(schemas[name], registry=registry)


def mismatches(name, value, lenient=False):
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(name, lenient).iter_errors(value)]


def of_command(words):
    """The schema of what a command line prints with --format json."""
    if words[0] == "lora":
        return "lora-verify" if words[1] == "verify" else "merge"
    if words[0] == "schema":
        return f"schema-{words[1]}"
    if words[0] == "repair" and {"--undo", "--forget"} & set(words):
        return "put-back"
    return "merge" if words[0] == "moe" else words[0]


def of_document(value):
    """The schema of a document of the command, by a key that no other has; None for the JSON of something else."""
    keys = set(value[0]) if isinstance(value, list) else set(value)
    own = {"tool": "check", "facts": "check-line", "plan": "repair", "recipe": "merge", "merged": "lora-verify", "dtypes": "inspect", "action": "put-back"}
    own |= {"json": "diff", "optional": "schema-expand", "aliases": "schema-list"}
    return next((name for key, name in own.items() if key in keys), None)


def check_output(words, text):
    """Asserts that what a command line printed fits, where it printed JSON."""
    form = words[words.index("--format") + 1] if "--format" in words[:-1] else "text"
    if form == "json" and text:
        assert not (found := mismatches(of_command(words), json.loads(text))), f"{' '.join(words)}: {found[:5]}"
    if form == "jsonl":
        for line in text.splitlines()[:50]:
            assert not (found := mismatches("check-line", json.loads(line))), f"{' '.join(words)}: {found[:5]}"
