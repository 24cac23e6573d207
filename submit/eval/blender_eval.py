# Run inside Blender by flsync: evaluates expressions of job settings over the
# opened file and prints one line of JSON between two markers.
import json
import os
import sys
from pathlib import Path, PurePath

import bpy


def make_absolute(path):
    text = path.as_posix()
    if os.name != "nt" and len(text) >= 2 and text[0].isalpha() and text[1] == ":":
        return Path(text[:2] + os.path.normpath(text[2:]))
    return Path(os.path.abspath(text))


def abspath(filepath):
    return make_absolute(Path(bpy.path.abspath(str(filepath))))


def last_n_dir_parts(n, filepath=None, file=None):
    if n <= 0:
        return Path()
    filepath = filepath or file
    if filepath is None:
        filepath = Path(bpy.data.filepath)
    elif isinstance(filepath, str):
        filepath = Path(bpy.path.abspath(filepath))
    parent = make_absolute(filepath).parent
    if n >= len(parent.parts):
        return parent.relative_to(parent.anchor)
    return Path(*parent.parts[-n:])


class Settings:
    """What is known, and on demand what is being evaluated here, too."""

    def __init__(self, values, expressions, names):
        self.__dict__.update(values)
        self.__expressions = dict(expressions)
        self.__names = names

    def __getattr__(self, key):
        # Taken out while it is evaluated, so that one that needs itself is not found.
        expression = self.__expressions.pop(key, None)
        if expression is None:
            raise AttributeError("the setting %r has no value, or needs itself" % key)
        value = eval(expression, dict(self.__names))
        self.__dict__[key] = value
        return value


def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    try:
        return [plain(v) for v in value]
    except TypeError:
        raise TypeError("the result is of type " + type(value).__name__) from None


def activate(name):
    # By the window, because bpy.context has its scene whatever --scene says.
    if name not in bpy.data.scenes:
        sys.exit("there is no scene %r in %s" % (name, bpy.data.filepath))
    scene = bpy.data.scenes[name]
    for window in bpy.context.window_manager.windows:
        window.scene = scene
    if bpy.context.scene != scene:
        sys.exit("the scene %r cannot be made the active one" % name)


def main():
    request = json.loads(os.environ.pop("FLSYNC_EVAL"))
    if request["scene"]:
        activate(request["scene"])
    names = {
        "bpy": bpy,
        "C": bpy.context,
        "Path": Path,
        "abspath": abspath,
        "last_n_dir_parts": last_n_dir_parts,
        "jobname": request["jobname"],
    }
    names["settings"] = Settings(request["settings"] or {}, request["expressions"] or {}, names)
    results = {}
    for key, expression in (request["expressions"] or {}).items():
        try:
            value = plain(eval(expression, dict(names)))
            json.dumps(value, allow_nan=False)
            results[key] = {"value": value}
        except Exception as ex:
            results[key] = {"type": type(ex).__name__, "message": str(ex)}
    # One write: lines of Blender's own threads cannot come in between.
    sys.stdout.write("\n%s%s%s\n" % (request["marker"], json.dumps(results), request["marker"]))
    sys.stdout.flush()


main()
