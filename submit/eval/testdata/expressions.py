"""Evaluates each line of expressions.txt with Python and writes expressions.json.

Run it after a change of expressions.txt:  python3 expressions.py
"""
import json
import pathlib

here = pathlib.Path(__file__).parent
names = {
    "Path": pathlib.PosixPath,
    "jobname": "sq020 sh010",
    "name": "Größe_日本語",
    "fps": 24,
    "fps_base": 1.0010000467300415,
    "n": 7,
}
vectors = []
for line in (here / "expressions.txt").read_text(encoding="utf-8").splitlines():
    if not line.strip() or line.startswith("#"):
        continue
    try:
        vectors.append({"expr": line, "repr": repr(eval(line, dict(names)))})
    except Exception as ex:
        vectors.append({"expr": line, "raises": type(ex).__name__})
with open(here / "expressions.json", "w", encoding="utf-8") as out:
    json.dump(vectors, out, ensure_ascii=False, indent=0)
    out.write("\n")
