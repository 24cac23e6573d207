"""Prints which files Blender itself says that blend files name, for the tests to compare with.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend_paths.py -- a.blend b.blend

One line of JSON a blend file, behind the word PATHS:

    file      the blend file
    paths     bpy.utils.blend_paths(absolute=True), each in hexadecimal, as it need not be UTF-8
    missing   those of them that do not exist, as Blender's system sees it
"""

import json
import os
import sys

import bpy


def hexed(path):
    return (path if isinstance(path, bytes) else os.fsencode(path)).hex()


for file in sys.argv[sys.argv.index("--") + 1 :]:
    try:
        bpy.ops.wm.open_mainfile(filepath=file, load_ui=False)
    except RuntimeError as e:  # also for a damaged library, when the file itself is open
        if not os.path.samefile(bpy.data.filepath or "/", file):
            raise
        print(e)
    paths = list(bpy.utils.blend_paths(absolute=True, packed=False, local=False))
    missing = [p for p in paths if not os.path.exists(p)]
    print("PATHS", json.dumps({"file": file, "paths": [hexed(p) for p in paths], "missing": [hexed(p) for p in missing]}), flush=True)
