"""Vectors of paths that are hard to read: odd names, other systems' spellings, folders in the place of files.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/paths.py
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, add_object, cube, image, kit, poke  # noqa: E402

NAME = "Image.name"


def names():
    v = Vector("45-names")
    for path in ["tex/br[1].png", "tex/50%.png", "tex/a#b.png", "tex/{curly}.png", "tex/ü日本 🎬.png", "tex/e\u0301.png", "tex/'quote'.png", "tex/ends in space .png"]:
        image("im", v.png(path))
        v.required(path, "image", NAME)
    v.png("tex/br1.png")
    v.forbidden("tex/br1.png", "what br[1].png would be as a pattern")
    tiled = image("tiles", "//tex/t[a].<UDIM>.png", "TILED")
    v.png("tex/t[a].1001.png")
    v.required("tex/t[a].1001.png", "udim", NAME, "brackets beside the token")
    v.png("tex/ta.1001.png")
    v.forbidden("tex/ta.1001.png", "what t[a] would be as a pattern")

    # Not UTF-8, as old files of Linux and Windows machines hold it. No file: not every system can have one.
    latin = b"tex/caf\xe9.png"
    image("latin", os.fsdecode(b"//" + latin))
    v.missing(latin.decode("utf-8", "replace"), "image", NAME, "bytes that are not UTF-8", path_hex=latin.hex())

    # All 1,024 bytes of the field in use, so that no NUL ends it.
    full = ("tex/" + "/".join("d" * 99 for _ in range(11)))[: 1024 - 2 - 4] + ".png"
    long = image("long", "//" + full[:-1])
    poke(long, b"//tex/ddd", 1023, full[-1:].encode())
    v.missing(full, "image", NAME, "1,024 bytes without a NUL")
    v.save()
    v.finish()


def windows():
    v = Vector("46-windows-paths", main="shots/main.blend")
    v.begin()
    for name in ("back", "sub", "up", "mixed"):
        kit.png(v.at(f"shots/tex/{name}.png"))
    image("back", "//tex\\back.png")
    v.required("shots/tex/back.png", "image", NAME, "backslashes behind //")
    image("mixed", "//..\\shots/tex\\mixed.png")
    v.required("shots/tex/mixed.png", "image", NAME, "backslashes and slashes, and ..")
    image("climb", "//..\\tex\\climb.png")
    v.png("tex/climb.png")
    v.required("tex/climb.png", "image", NAME, "..\\ leaves the blend file's folder")
    image("sub", "//tex\\\\sub.png")
    v.required("shots/tex/sub.png", "image", NAME, "a doubled backslash")
    image("drive", "C:\\textures\\drive.png")
    v.missing("/c/textures/drive.png", "image", NAME, "a drive: /c/ on other systems")
    image("drive slash", "D:/textures/slash.png")
    v.missing("/d/textures/slash.png", "image", NAME, "a drive with slashes")
    image("share", "\\\\server\\share\\share.png")
    v.missing("\\\\server\\share\\share.png", "image", NAME, "a share of a Windows server, which other systems cannot open")
    tiles = image("tiles", "//tex\\u.<UDIM>.png", "TILED")
    kit.png(v.at("shots/tex/u.1001.png"))
    v.required("shots/tex/u.1001.png", "udim", NAME, "backslashes in a pattern")
    strip = bpy.context.scene.sequence_editor_create().sequences.new_image("s", "//tex/up.png", 1, 1)
    strip.directory = "//tex\\"
    v.required("shots/tex/up.png", "vse-image", "Strip.dir + StripElem.name", "a folder that ends in a backslash")
    v.save()
    v.finish()


def absolute():
    v = Vector("47-absolute-paths")
    image("abs", "/no/such/place/abs.png")
    v.missing("/no/such/place/abs.png", "image", NAME)
    image("dots", "/no/such/../such/place/./dots.png")
    v.missing("/no/such/place/dots.png", "image", NAME, "absolute, with . and ..")
    image("slashes", "///no//such/place/slashes.png")
    v.missing("no/such/place/slashes.png", "image", NAME, "three slashes are // and a slash: beside the blend file")
    v.png("tex/bare.png")
    image("bare", "tex/bare.png")
    v.optional("tex/bare.png", "image", "neither // nor absolute: relative to the folder Blender is started in", NAME)
    v.save()
    v.finish()


def climbing():
    v = Vector("48-climbing", main="project/shots/main.blend")
    v.begin()
    v.png("project/tex/inside.png")
    image("inside", "//../tex/inside.png")
    v.required("project/tex/inside.png", "image", NAME)
    v.png("elsewhere/outside.png")
    image("outside", "//../../elsewhere/outside.png")
    v.required("elsewhere/outside.png", "image", NAME, "outside the shot's project")
    v.png("elsewhere/through.png")
    image("through", "//../shots/../../elsewhere/./through.png")
    v.required("elsewhere/through.png", "image", NAME, "up, down and up again")
    image("above", "//" + "../" * 60 + "no/such/above.png")
    v.missing("/no/such/above.png", "image", NAME, "more .. than there are folders")
    v.save()
    v.finish()


def folders():
    v = Vector("49-folders")

    def folder(path, kind):
        v.png(path + "/inside.png")
        v.optional(path, kind, "a folder where a file is expected: to be told, not fatal")
        v.forbidden(path + "/inside.png", "inside a folder where a file is expected")
        return "//" + path

    image("im", folder("a/image", "image"))
    image("slash", folder("a/slash", "image") + "/")
    image("here", "//")
    image("dot", "//.")
    volume = bpy.data.volumes.new("volume")
    volume.filepath, volume.use_fake_user = folder("a/volume", "volume"), True
    kit.wav(v.at("sound.wav"))
    sound = bpy.data.sounds.load(v.at("sound.wav"))
    sound.filepath, sound.use_fake_user = folder("a/sound", "sound"), True
    v.forbidden("sound.wav", "no longer named by the sound")
    mesh_cache = cube("mc").modifiers.new("c", "MESH_CACHE")
    mesh_cache.filepath = folder("a/mdd", "mesh-cache")

    domain = cube("domain").modifiers.new("f", "FLUID")
    domain.fluid_type = "DOMAIN"
    domain.domain_settings.cache_directory = "//file.txt"
    kit.write(v.at("file.txt"), "a file\n")
    v.optional("file.txt", "fluid-cache", "a file where a folder is expected: to be told, not fatal")
    cloth = cube("cloth").modifiers.new("c", "CLOTH").point_cache
    cloth.use_external, cloth.filepath, cloth.name = True, "//file2.txt", "c"
    kit.write(v.at("file2.txt"), "a file\n")
    v.optional("file2.txt", "point-cache", "a file where a folder is expected: to be told, not fatal")
    strip = bpy.context.scene.sequence_editor_create().sequences.new_image("s", "//file.txt/elem.png", 1, 1)
    strip.directory = "//file.txt/"
    v.missing("file.txt/elem.png", "vse-image", "Strip.dir + StripElem.name", "the strip's folder is a file")
    v.save()
    v.finish()


def strings():
    """Strings that look like paths. Blender 3.4 has no node that opens one."""
    v = Vector("44-strings")
    for name in ("node", "input", "prop", "note"):
        kit.write(v.at(f"data/{name}.csv"), "x,y\n1,2\n")
    tree = bpy.data.node_groups.new("tree", "GeometryNodeTree")
    tree.nodes.new("FunctionNodeInputString").string = "//data/node.csv"
    tree.inputs.new("NodeSocketString", "Path")
    ob = cube("ob")
    modifier = ob.modifiers.new("g", "NODES")
    modifier.node_group = tree
    modifier[tree.inputs[0].identifier] = "//data/input.csv"
    v.optional("data/node.csv", "file", "a string node: a path only if something takes it for one", "NodeInputString.string")
    v.optional("data/input.csv", "file", "a string given to a modifier: a path only if something takes it for one", "IDProperty.data")
    ob["path"] = "//data/prop.csv"
    ob.id_properties_ui("path").update(subtype="FILE_PATH")
    v.optional("data/prop.csv", "file", "a custom property that is shown as a file path", "IDProperty.data")
    bpy.context.scene["note"] = "see //data/note.csv"
    v.forbidden("data/note.csv", "named in a sentence")
    v.save()
    v.finish()


for make in (names, windows, absolute, climbing, folders, strings):
    make()
