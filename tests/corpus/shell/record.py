#!/usr/bin/env python3
"""Runs every case with this machine's bash and tools, and writes what they say into `expected.json`.

    python3 tests/corpus/shell/record.py

A case runs in an empty directory that holds its files, with nothing in its environment but PATH, HOME and LC_ALL.
"""
import json
import pathlib
import subprocess
import tempfile
import tomllib

HERE = pathlib.Path(__file__).parent
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "LC_ALL": "C.UTF-8"}


def run(case):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, text in case.get("files", {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
            script.write(case["script"])
            script.flush()
            done = subprocess.run(
                ["bash", script.name], cwd=folder, env=ENV, input=case.get("stdin", "").encode(),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, check=False)
        return {"stdout": done.stdout.decode(), "code": done.returncode, "stderr": done.stderr.decode()}


def main():
    expected = {}
    for topic in sorted(HERE.glob("*.toml")):
        cases = tomllib.loads(topic.read_text()).get("case", [])
        for case in cases:
            name = f"{topic.stem}: {case['name']}"
            assert name not in expected, f"{name} is there twice"
            result = run(case)
            if error := result.pop("stderr"):
                print(f"{name}: {error.strip()}")
            expected[name] = result
    lines = [f"{json.dumps(name)}: {json.dumps(result)}" for name, result in expected.items()]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(expected), "cases")


main()
