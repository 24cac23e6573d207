# Run inside Blender by the tests: saves a file with several scenes to the path
# given behind "--", and prints the facts of each as one line of JSON.
import json
import sys

import bpy

target = sys.argv[sys.argv.index("--") + 1]
first = bpy.context.scene
first.name = "Shot 010_ünï"
first.frame_start, first.frame_end, first.frame_step = 0, 1200, 3
first.render.fps, first.render.fps_base = 24, 1.001
first.render.image_settings.file_format = "OPEN_EXR"
first.render.image_settings.use_preview = True
first.render.filepath = "//../renders/shot_####_v003"
first.render.resolution_x, first.render.resolution_percentage = 1998, 50
for name, fmt, fps, base in [("JPG", "JPEG", 25, 1.0), ("Movie", "FFMPEG", 60, 1.001), ("Multi", "OPEN_EXR_MULTILAYER", 30, 0.5)]:
    scene = bpy.data.scenes.new(name)
    scene.render.image_settings.file_format = fmt
    scene.render.fps, scene.render.fps_base = fps, base
    scene.render.filepath = "/tmp/abs_out/f"
bpy.ops.wm.save_as_mainfile(filepath=target)

facts = []
for s in bpy.data.scenes:
    r = s.render
    facts.append({
        "Name": s.name, "FrameStart": s.frame_start, "FrameEnd": s.frame_end, "FrameStep": s.frame_step,
        "FrameCurrent": s.frame_current, "FPS": r.fps, "FPSBase": r.fps_base, "ResolutionX": r.resolution_x,
        "ResolutionY": r.resolution_y, "ResolutionPercent": r.resolution_percentage, "Engine": r.engine,
        "FileFormat": r.image_settings.file_format, "FileExtension": r.file_extension, "FilePath": r.filepath,
        "UsePreview": r.image_settings.use_preview, "Camera": s.camera.name if s.camera else "",
        "ViewLayers": [v.name for v in s.view_layers],
    })
print("\nFACTS" + json.dumps({"File": bpy.data.filepath, "Scenes": facts}))
