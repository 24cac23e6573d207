"""Vectors of scene facts: what a render farm has to know of a blend file.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/scenes.py
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, add_object, kit  # noqa: E402


def facts():
    v = Vector("02-scene-facts")
    first = bpy.context.scene
    first.name = "First"
    first.frame_start, first.frame_end = 1, 10
    cameras = []
    for name in ("Cam_A", "Cam B", "Käm.001"):
        ob = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        first.collection.objects.link(ob)
        cameras.append(ob)
    first.camera = cameras[1]
    marker = first.timeline_markers.new("m1", frame=5)
    marker.camera = cameras[1]

    shot = bpy.data.scenes.new("Shot 010_ünï")
    shot.frame_start, shot.frame_end, shot.frame_step = -5, 1048574, 3
    shot.frame_set(42)
    shot.use_preview_range = True
    shot.frame_preview_start, shot.frame_preview_end = 3, 7
    r = shot.render
    r.fps, r.fps_base = 24, 1.001
    r.resolution_x, r.resolution_y, r.resolution_percentage = 4096, 1716, 37
    r.engine = "CYCLES"
    r.image_settings.file_format = "OPEN_EXR"
    r.image_settings.color_mode, r.image_settings.color_depth = "RGBA", "16"
    r.image_settings.use_preview = True
    r.filepath = "//out/ü/frame_####"
    r.use_border = True
    r.use_compositing = r.use_sequencer = False
    r.use_overwrite, r.use_placeholder = False, True
    shot.view_layers[0].name = "Main"
    shot.view_layers.new("Off").use = False
    shot.view_layers.new("Third")

    plain = bpy.data.scenes.new("no extension")
    plain.render.use_file_extension = False
    plain.render.engine = "BLENDER_WORKBENCH"
    plain.render.filepath = ""
    stereo = bpy.data.scenes.new("stereo")
    stereo.render.use_multiview = True
    stereo.render.fps, stereo.render.fps_base = 30000, 1001.0
    bpy.context.window.scene = shot
    v.save()
    v.finish()


def formats():
    """A scene for each format of a render: what Blender calls it, and the suffix it gives."""
    v = Vector("32-file-formats")
    settings = bpy.context.scene.render.image_settings
    known = [
        "BMP", "IRIS", "PNG", "JPEG", "JPEG2000", "TARGA", "TARGA_RAW", "CINEON", "DPX", "OPEN_EXR_MULTILAYER",
        "OPEN_EXR", "HDR", "TIFF", "WEBP", "AVI_JPEG", "AVI_RAW", "FFMPEG",
    ]  # fmt: skip

    def scene(name, file_format):
        s = bpy.data.scenes.new(name)
        s.render.image_settings.file_format = file_format
        return s.render

    for f in known:
        scene(f, f)
    scene("JPEG2000 J2K", "JPEG2000").image_settings.jpeg2k_codec = "J2K"
    for container in ("MPEG1", "MPEG2", "MPEG4", "AVI", "QUICKTIME", "DV", "OGG", "MKV", "FLASH", "WEBM"):
        scene("FFMPEG " + container, "FFMPEG").ffmpeg.format = container
    stereo = scene("stereo views", "PNG")
    stereo.use_multiview = True
    v.save()
    v.finish()


def no_camera():
    """A linked scene, a linked camera, and a scene without a camera."""
    v = Vector("31-linked-scene", main="shots/main.blend")
    v.begin("lib/set.blend")
    scene = bpy.context.scene
    scene.name = "Set"
    scene.camera = add_object("LibCamera", bpy.data.cameras.new("LibCamera"))
    scene.frame_end = 77
    v.save("lib/set.blend")
    v.begin()
    (camera,) = kit.link(v.at("lib/set.blend"), "objects", "LibCamera")
    scene = bpy.context.scene
    scene.collection.objects.link(camera)
    scene.camera = camera
    kit.link(v.at("lib/set.blend"), "scenes", "Set")
    scene["set"] = bpy.data.scenes["Set"]
    bpy.data.scenes.new("Without")
    v.save()
    v.required("lib/set.blend", "library", "Library.name")
    v.finish()


def slashes():
    """Output paths written on Windows: Blender turns their slashes on opening the file."""
    v = Vector("52-output-slashes")
    bpy.context.scene.render.filepath = "//..\\render\\shot_"
    for name, path in (("drive", "C:\\render\\"), ("share", "\\\\server\\share\\shot_")):
        bpy.data.scenes.new(name).render.filepath = path
    v.save()
    v.finish()


facts()
slashes()
formats()
no_camera()
