"""A vector is a folder with a project in it, and beside it what is true of its main blend file.

    testdata/blend/NN-name/             the project, as its user has it
    testdata/blend/NN-name.truth.json   each path with a status:
        required   a render needs it: a tracer must find it
        missing    the blend file wants it, and it is not there: must be reported as missing
        optional   either answer is right
        forbidden  must not be found
    testdata/blend/NN-name.facts.json   what Blender's Python API says of the scenes

The truths are written by hand in the scripts of this folder, from what Blender does with each
field. Nothing here asks a tracer.
"""

import ctypes
import json
import os
import shutil
import sys

import bpy

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
import makekit as kit  # noqa: E402

TREE = os.path.dirname(HERE)
# Vectors are made here and moved into the tree when they are whole: blend files
# hold the absolute path that they were saved under.
ROOT = "/tmp/flsync-vectors"


class Vector:
    """One case. Begin it, make its blend files, say what is true, finish it."""

    def __init__(self, name, main="main.blend"):
        self.name, self.main, self.deps = name, main, []
        self.folder = os.path.join(ROOT, name)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.begin()

    def at(self, *parts):
        return os.path.join(self.folder, *parts)

    def begin(self, path=None):
        """Starts an empty file, saved where path says, so that // has a meaning."""
        kit.empty()
        self.save(path)

    def save(self, path=None, compress=True):
        kit.save(self.at(path or self.main), compress)

    def reopen(self, path=None):
        bpy.ops.wm.open_mainfile(filepath=self.at(path or self.main))

    def _add(self, status, path, kind, field, by, why, **more):
        entry = {"path": path, "status": status, "kind": kind, "field": field, "by": by or self.main, "why": why}
        self.deps.append(entry | more)

    def required(self, path, kind, field, why="", by=None):
        self._add("required", path, kind, field, by, why)

    def missing(self, path, kind, field, why="", by=None, **more):
        self._add("missing", path, kind, field, by, why, **more)

    def optional(self, path, kind, why, field="", by=None):
        self._add("optional", path, kind, field, by, why)

    def forbidden(self, path, why, by=None):
        self._add("forbidden", path, "decoy", "", by, why)

    def png(self, path, **how):
        """Writes a small image, and gives the path as a blend file at the top would name it."""
        kit.png(self.at(path), **how)
        return "//" + path

    def finish(self, facts=True):
        for d in self.deps:
            there = os.path.lexists(self.at(d["path"]))
            assert there == (d["status"] != "missing") or d["path"][0] in "/\\", (self.name, d)
        order = ["forbidden", "missing", "optional", "required"]
        self.deps.sort(key=lambda d: (order.index(d["status"]), d["path"]))
        paths = [d["path"] for d in self.deps]
        assert len(paths) == len(set(paths)), (self.name, "a path with two truths")
        truth = {"blender": bpy.app.version_string, "main": self.main, "deps": self.deps}
        self._json(".truth.json", truth)
        if facts:
            self.reopen()
            self._json(".facts.json", scene_facts())
        self._move()
        print("VECTOR", self.name, len(self.deps))

    def _move(self):
        into = os.path.join(TREE, self.name)
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(self.at(), into, symlinks=True)
        shutil.rmtree(self.at())

    def _json(self, suffix, value):
        with open(os.path.join(TREE, self.name + suffix), "w", encoding="utf-8") as f:
            json.dump(value, f, indent=1, ensure_ascii=False)
            f.write("\n")


def image(name, path, source="FILE", fake_user=True):
    """An image data-block that names a file without reading it."""
    im = bpy.data.images.new(name, 8, 8)
    im.source = source
    im.filepath_raw = path
    im.use_fake_user = fake_user
    return im


def cube(name, collection=None, size=1.0):
    """An object with a small mesh, linked to the scene."""
    s = size
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-s, -s, 0), (s, -s, 0), (s, s, 0), (-s, s, 0)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap")
    return add_object(name, mesh, collection)


def add_object(name, data=None, collection=None):
    ob = bpy.data.objects.new(name, data)
    (collection or bpy.context.scene.collection).objects.link(ob)
    return ob


def activate(ob):
    bpy.context.view_layer.objects.active = ob
    ob.select_set(True)


def material(name, im=None, ob=None):
    """A material that shows an image, on an object when one is given. Returns it and its texture node."""
    mat = bpy.data.materials.new(name)
    mat.use_nodes = True
    tree = mat.node_tree
    node = None
    if im:
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = im
        tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    if ob:
        ob.data.materials.append(mat)
    return mat, node


def poke(struct, needle, offset, data):
    """Writes bytes into Blender's memory: for what older files hold and the Python API does not set.

    The place is given by bytes that the struct holds already, and an offset from their beginning.
    """
    start = struct.as_pointer()
    here = ctypes.string_at(start, 4096).index(needle)
    ctypes.memmove(start + here + offset, data, len(data))


def scene_facts():
    """What Blender says of the scenes of the open file."""

    def scene(s):
        r = s.render
        return {
            "name": s.name,
            "linked": s.library is not None,
            "frame_start": s.frame_start,
            "frame_end": s.frame_end,
            "frame_step": s.frame_step,
            "frame_current": s.frame_current,
            "use_preview_range": s.use_preview_range,
            "preview": [s.frame_preview_start, s.frame_preview_end],
            "fps": r.fps,
            "fps_base": r.fps_base,
            "resolution": [r.resolution_x, r.resolution_y, r.resolution_percentage],
            "engine": r.engine,
            "file_format": r.image_settings.file_format,
            "file_extension": r.file_extension,
            "color_mode": r.image_settings.color_mode,
            "color_depth": r.image_settings.color_depth,
            "use_preview": r.image_settings.use_preview,
            "filepath": r.filepath,
            "frame_path_1": r.frame_path(frame=1).replace(ROOT, ""),
            "is_movie": r.is_movie_format,
            "use_border": r.use_border,
            "use_compositing": r.use_compositing,
            "use_sequencer": r.use_sequencer,
            "use_overwrite": r.use_overwrite,
            "use_placeholder": r.use_placeholder,
            "use_file_extension": r.use_file_extension,
            "use_multiview": r.use_multiview,
            "camera": s.camera.name if s.camera else None,
            "cameras": sorted(o.name for o in s.objects if o.type == "CAMERA"),
            "markers": [
                {"name": m.name, "frame": m.frame, "camera": m.camera.name if m.camera else None}
                for m in s.timeline_markers
            ],
            "n_objects": len(s.objects),
            "view_layers": [{"name": v.name, "use": v.use} for v in s.view_layers],
        }

    return {
        "active_scene": bpy.context.scene.name,
        "scenes": sorted((scene(s) for s in bpy.data.scenes), key=lambda s: (s["linked"], s["name"])),
    }
