#!/usr/bin/env python3
"""Hundreds of schemas, written by hand and made at random; random replies to each are parsed by Python's json and judged by
jsonschema (FABULA_PYTHON_PATH adds a folder to look in)."""

import json
import os
import random
import subprocess
import sys
import tempfile

if os.environ.get("FABULA_PYTHON_PATH"):
    sys.path.insert(0, os.environ["FABULA_PYTHON_PATH"])
try:
    import jsonschema
except ImportError:
    print("skipped: Python's jsonschema cannot be imported")
    sys.exit(77)
if not os.path.isdir(os.environ.get("FABULA_TESTDATA", "")):
    print("skipped: FABULA_TESTDATA does not name the folder of the test vectors")
    sys.exit(77)

PROBE = sys.argv[1]
FULL = os.environ.get("FABULA_FULL") == "1"
SEED = int(os.environ.get("FABULA_SEED", "0")) or random.SystemRandom().getrandbits(32)
print(f"FABULA_SEED={SEED}")
RANDOM = random.Random(SEED)

BY_HAND = [
    {}, True, {"type": "object"}, {"type": "array"}, {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"},
    {"type": ["string", "null"]}, {"type": ["integer", "boolean", "array"]},
    {"enum": ["red", "green", "bl\"ue\\", "été", "红"]}, {"const": {"a": [1, 2.5, None, "x"]}}, {"enum": [1, "1", None, True, [], {}]},
    {"type": "string", "enum": ["a", 1, "ab", "abc"]},
    {"type": "string", "minLength": 3, "maxLength": 8}, {"type": "string", "minLength": 5}, {"type": "string", "maxLength": 0},
    {"type": "string", "pattern": "^[A-Z]{2,4}-\\d{3}$"}, {"type": "string", "pattern": "b+c"}, {"type": "string", "pattern": "^(\\(\\d{3}\\))?\\d{3}-\\d{4}$"},
    {"type": "string", "pattern": "^[^\"\\\\]*\"[ \\t]$"}, {"type": "string", "pattern": "^\\w\\d[ \\t]$"},
    *({"type": "string", "format": f} for f in ("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")),
    {"type": "integer", "minimum": -5, "maximum": 130}, {"type": "integer", "exclusiveMinimum": 99, "exclusiveMaximum": 1001}, {"type": "integer", "maximum": -3},
    {"type": "integer", "multipleOf": 12, "minimum": 100, "maximum": 5000}, {"type": "integer", "multipleOf": 25},
    {"type": "number", "minimum": 0, "maximum": 1}, {"type": "number", "exclusiveMinimum": -1.5, "maximum": 2.75}, {"type": "number", "minimum": 1e6},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4}, {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "null"}, "minItems": 3},
    {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False}, {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "maxItems": 1},
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a", "b"], "additionalProperties": False},
    {"type": "object", "properties": {"a": {}, "b": {}, "c": {}, "d": {}}, "required": ["c"]},
    {"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "object", "required": ["x", "y"]},
    {"type": "object", "properties": {"a": {"type": "integer"}, "ab": {"type": "string"}}, "additionalProperties": {"type": "boolean"}},
    {"type": "object", "properties": {"we\"ird\\": {"const": 1}, "": {"const": 2}}, "required": ["we\"ird\\", ""], "additionalProperties": {"type": "null"}},
    {"properties": {"a": {"minimum": 3}}}, {"items": {"maxLength": 3}},
    {"anyOf": [{"type": "string", "maxLength": 4}, {"type": "integer", "minimum": 7}]}, {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "object", "properties": {"k": {"const": "x"}}, "required": ["k"], "anyOf": [{"properties": {"n": {"type": "integer"}}, "required": ["n"]}, {"properties": {"s": {"type": "string"}}, "required": ["s"]}]},
    {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 9}]}, {"allOf": [{"$ref": "#/$defs/p"}, {"properties": {"b": {"type": "null"}}, "required": ["b"]}], "$defs": {"p": {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}}},
    {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["v", "kids"], "additionalProperties": False}}},
    {"$ref": "#/definitions/list", "definitions": {"list": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"head": {"type": "integer"}, "tail": {"$ref": "#/definitions/list"}}, "required": ["head", "tail"]}]}}},
    {"type": "object", "properties": {"a~/b": {"type": "integer"}, "c": {"$ref": "#/properties/a~0~1b"}}, "required": ["c"]},
    {"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "object", "properties": {"explanation": {"type": "string"}, "output": {"type": "string"}}, "required": ["explanation", "output"], "additionalProperties": False}},
                                      "final_answer": {"type": "string"}}, "required": ["steps", "final_answer"], "additionalProperties": False},
]


def random_schema(depth=0):
    """Of the keywords that the reader knows, nested at random."""
    kinds = ["string", "integer", "number", "boolean", "enum", "length", "range", "pattern"]
    if depth < 3:
        kinds += ["object"] * 4 + ["array"] * 3 + ["anyOf", "tuple", "nullable", "allOf"]
    kind = RANDOM.choice(kinds)
    if kind in ("string", "integer", "number", "boolean"):
        return {"type": kind, "description": "a " + kind}
    if kind == "enum":
        return {"enum": RANDOM.sample(["a", "ab", "b c", "ü", 1, 2.5, -7, True, None, [1], {"k": "v"}], RANDOM.randint(1, 5))}
    if kind == "length":
        least = RANDOM.randint(0, 5)
        return {"type": "string", "minLength": least, "maxLength": least + RANDOM.randint(0, 20)}
    if kind == "range":
        least = RANDOM.randint(-2000, 2000)
        return {"type": "integer", "minimum": least, "maximum": least + RANDOM.randint(0, 3000)}
    if kind == "pattern":  # no \s: a pattern is ECMA's, whose spaces are not those of the judge's Python (U+FEFF, U+001C)
        return {"type": "string", "pattern": RANDOM.choice(["^[a-f0-9]{4,8}$", "^(yes|no|maybe)$", "\\d{2}:\\d{2}", "^x[^y]*z$", "^[ \\t]*\\w+[ \\t]*$"])}
    if kind == "array":
        least = RANDOM.randint(0, 2)
        return {"type": "array", "items": random_schema(depth + 1), "minItems": least, "maxItems": least + RANDOM.randint(0, 3)}
    if kind == "tuple":
        return {"type": "array", "prefixItems": [random_schema(depth + 1) for _ in range(RANDOM.randint(1, 3))], "items": RANDOM.choice([False, {"type": "null"}])}
    if kind == "anyOf":
        return {"anyOf": [random_schema(depth + 1) for _ in range(RANDOM.randint(1, 3))]}
    if kind == "nullable":
        return {"type": ["string", "null"], "maxLength": 4}
    names = RANDOM.sample(["name", "nam", "age", "size", "größe", "a b", "x"], RANDOM.randint(1, 5))
    schema = {"type": "object", "properties": {name: random_schema(depth + 1) for name in names}, "required": RANDOM.sample(names, RANDOM.randint(0, len(names)))}
    extra = RANDOM.choice([None, False, {"type": "integer"}])
    if extra is not None:
        schema["additionalProperties"] = extra
    if kind == "allOf":
        return {"allOf": [schema, {"properties": {"more": {"type": "boolean"}}, **({"required": ["more"]} if extra is None else {})}]}
    return schema


def main():
    schemas = BY_HAND + [random_schema() for _ in range(2000 if FULL else 160)]
    samples = 5 if FULL else 2
    with tempfile.TemporaryDirectory() as folder:
        questions, answers = os.path.join(folder, "in"), os.path.join(folder, "out")
        with open(questions, "w") as file:
            for schema in schemas:
                file.write(json.dumps({"schema": schema, "samples": samples}) + "\n")
        code = subprocess.run([PROBE], env={**os.environ, "FABULA_PROBE_IN": questions, "FABULA_PROBE_OUT": answers, "FABULA_SEED": str(SEED)}).returncode
        if code != 0:
            return code
        with open(answers) as file:
            replies = [json.loads(line) for line in file]
    assert len(replies) == len(schemas)
    checked = unfinished = failed = 0
    for schema, reply in zip(schemas, replies):
        if "error" in reply:
            print("refused:", json.dumps(schema), reply["error"])
            failed += 1
            continue
        unfinished += reply["unfinished"]
        validator = jsonschema.Draft202012Validator(schema if schema is not True else {}, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        for text in reply["texts"]:
            checked += 1
            try:
                validator.validate(json.loads(text))
            except (ValueError, RecursionError, jsonschema.ValidationError) as error:
                failed += 1
                print("schema", json.dumps(schema), "\nreply ", text[:600], "\nerror ", str(error)[:300])
    print(f"{len(schemas)} schemas, {checked} replies judged, {unfinished} unfinished, {failed} wrong")
    return 1 if failed or checked < len(schemas) else 0


sys.exit(main())
