"""Renders single frames of blend files, for the tests to compare pictures.

    blender -b --factory-startup --python-exit-code 1 -P testdata/render_frames.py -- FILE FRAME OUT [FILE FRAME OUT]...
"""

import sys

import bpy

args = sys.argv[sys.argv.index("--") + 1 :]
for file, frame, out in zip(args[0::3], args[1::3], args[2::3]):
    bpy.ops.wm.open_mainfile(filepath=file, load_ui=False)
    scene = bpy.context.scene
    scene.frame_set(int(frame))
    scene.render.use_file_extension = False
    scene.render.filepath = out
    bpy.ops.render.render(write_still=True)
