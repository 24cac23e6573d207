"""Makes the shot that the batch workload copies: one small scene and 500 images.

    blender -b --factory-startup --python make_shot.py -- OUT.blend
"""
import sys

import bpy

bpy.ops.wm.read_homefile(use_empty=True)
for number in range(1, 501):
    image = bpy.data.images.new(f"tex_{number:04}", 1, 1)
    image.source = "FILE"
    image.filepath = f"//../textures/tex_{number:04}.png"
    image.use_fake_user = True
scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1001, 1010
bpy.context.preferences.filepaths.use_file_compression = False
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1], compress=False, relative_remap=False)
