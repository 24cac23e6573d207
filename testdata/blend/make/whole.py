"""Vectors of files that are easily overlooked: packed files that Blender does not read, holes in sequences.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/whole.py [-- NAME…]

Names of vectors make only these. Blender 5 writes its vectors into the folder b522.
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, add_object, cube, image, kit, material  # noqa: E402

NAME = "Image.name"
VDB = b" BDV\0\0\0\0" + b"\0" * 24
PREFIX = "b522/" if bpy.app.version >= (5, 0) else ""
ONLY = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


def scene(v, end=3):
    bpy.context.scene.frame_end = end
    return bpy.context.scene


def packed():
    v = Vector(PREFIX + "53-packed")
    scene(v)
    bpy.context.preferences.filepaths.use_relative_paths = True

    def pack(name, path):
        im = bpy.data.images.load(v.at(path))
        im.name, im.filepath_raw = name, "//" + path
        im.pack()
        return im

    for n in (0, 1, 2, 3):
        v.png(f"seq/p_{n:04}.png")
        v.required(f"seq/p_{n:04}.png", "image-sequence", NAME, "the packed file is left over from before the switch to a sequence")
    im = pack("sequence", "seq/p_0001.png")
    im.source = "SEQUENCE"
    _, node = material("sequence", im, cube("sequence"))
    node.image_user.frame_duration = 3
    v.png("film.avi")
    im = pack("movie", "film.avi")
    im.source = "MOVIE"
    material("movie", im, cube("movie"))
    v.required("film.avi", "movie", NAME, "the packed file is left over from before the switch to a movie")
    v.png("single.png")
    material("single", pack("single", "single.png"), cube("single"))
    v.forbidden("single.png", "packed, and a single image")

    def tiled(name, more):
        for tile in (1001, 1002)[: 1 if more else 2]:
            v.png(f"tiles/{name}.{tile}.png")
        im = bpy.data.images.load(v.at(f"tiles/{name}.1001.png"))
        im.name, im.source = name, "TILED"
        im.filepath_raw = f"//tiles/{name}.<UDIM>.png"
        for tile in [1002] if not more else []:
            im.tiles.new(tile_number=tile)
        im.pack()
        material(name, im, cube(name))
        return im

    tiled("all", False)
    some = tiled("some", True)
    for tile in (1001, 1002):
        v.forbidden(f"tiles/all.{tile}.png", "each tile is packed")
        v.required(f"tiles/some.{tile}.png", "udim", NAME, "one tile is not packed: Blender reads all from disk")
    for name in ("one", "q_0001", "q_0002", "q_0003"):
        kit.write(v.at(f"vol/{name}.vdb"), VDB)
        v.required(f"vol/{name}.vdb", "volume", "Volume.filepath", "no Blender reads a packed volume")
    for name, path, sequence in [("Single", "//vol/one.vdb", False), ("Frames", "//vol/q_0001.vdb", True)]:
        volume = bpy.data.volumes.new(name)
        volume.filepath, volume.is_sequence, volume.frame_duration = path, sequence, 3
        add_object(name, volume)
    v.save()
    bpy.ops.file.pack_all()
    assert all(x.packed_file for x in bpy.data.volumes if not x.is_sequence), "volumes are packed"
    v.png("tiles/some.1002.png")
    some.tiles.new(tile_number=1002)
    v.save()
    v.finish(facts=False)


for make in (packed,):
    if not ONLY or make.__name__ in ONLY:
        make()
