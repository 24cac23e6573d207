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
    layers = [v.name for v in s.view_layers]
    attributes = {
        "frame_start": s.frame_start, "frame_end": s.frame_end, "frame_step": s.frame_step,
        "frame_current": s.frame_current, "render.fps": r.fps, "render.fps_base": r.fps_base, "render.resolution_x": r.resolution_x,
        "render.resolution_y": r.resolution_y, "render.resolution_percentage": r.resolution_percentage, "render.engine": r.engine,
        "render.image_settings.file_format": r.image_settings.file_format, "render.file_extension": r.file_extension,
        "render.filepath": r.filepath, "render.image_settings.use_preview": r.image_settings.use_preview,
        "camera.name" if s.camera else "camera": s.camera.name if s.camera else None,
    }
    facts.append({"Scene": s.name, "Attributes": attributes, "ViewLayer": layers[0] if len(layers) == 1 else ""})
print("\nFACTS" + json.dumps({"File": bpy.data.filepath, "Scenes": facts}))
