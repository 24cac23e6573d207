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
AVI = b"RIFF\x24\0\0\0AVI LIST\x18\0\0\0hdrl" + b"\0" * 20
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
    kit.write(v.at("film.avi"), AVI)
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


def holes():
    v = Vector(PREFIX + "54-holes")
    s = scene(v, end=5)
    field = NAME + " + ImageUser"

    def sequence(name, there, missing, path=None, **user):
        for n in there:
            v.png(f"{name}/p_{n:04}.png")
            v.required(f"{name}/p_{n:04}.png", "image-sequence", field)
        for n in missing:
            v.missing(f"{name}/p_{n:04}.png", "image-sequence", field, "a frame of the scene shows it")
        _, node = material(name, image(name, path or f"//{name}/p_{there[0]:04}.png", "SEQUENCE"), cube(name))
        for key, value in user.items():
            setattr(node.image_user, key, value)

    sequence("plain", (1, 4, 5), (2, 3), frame_duration=5, frame_start=1)
    sequence("whole", (1, 2, 3, 4, 5), (), frame_duration=99, frame_start=1)  # 6 to 99 are not shown
    sequence("late", (0, 1, 2), (), frame_duration=2, frame_start=3)  # 0 before it, 2 after it
    sequence("cyclic", (1, 3), (2,), frame_duration=3, frame_start=1, use_cyclic=True)
    sequence("shifted", (10, 11, 12, 14), (13,), frame_duration=5, frame_offset=9)
    sequence("twice", (1, 2, 3, 4), (5,), frame_duration=4, frame_start=1)
    _, node = material("twice again", bpy.data.images["twice"], cube("twice again"))
    node.image_user.frame_duration, node.image_user.frame_start = 5, 1
    sequence("unused", (1, 3), ())
    bpy.data.materials.remove(bpy.data.materials["unused"])
    for n in (1, 2, 3, 5):
        v.png(f"bare/image{n}.png")
        v.required(f"bare/image{n}.png", "image-sequence", field, "the name has no number: Blender puts it before the extension")
    for n in ("01", "_1", ""):
        v.png(f"bare/image{n}.png")
        v.forbidden(f"bare/image{n}.png", "not a frame of a name without a number")
    v.missing("bare/image4.png", "image-sequence", field, "a frame of the scene shows it")
    _, node = material("bare", image("bare", "//bare/image.png", "SEQUENCE"), cube("bare"))
    node.image_user.frame_duration, node.image_user.frame_start = 5, 1

    def volume(name, there, missing, **more):
        for n in there:
            kit.write(v.at(f"vol/{name}_{n:04}.vdb"), VDB)
            v.required(f"vol/{name}_{n:04}.vdb", "volume-sequence", "Volume.filepath")
        for n in missing:
            v.missing(f"vol/{name}_{n:04}.vdb", "volume-sequence", "Volume.filepath", "a frame of the scene shows it")
        vol = bpy.data.volumes.new(name)
        vol.filepath, vol.is_sequence = f"//vol/{name}_{there[0]:04}.vdb", True
        for key, value in more.items():
            setattr(vol, key, value)
        add_object(name, vol)

    volume("clip", (10, 11, 13, 14), (12,), frame_start=1, frame_duration=5, frame_offset=9)
    volume("short", (1, 2), (), frame_start=2, frame_duration=2)
    volume("extend", (1, 2), (), frame_start=2, frame_duration=2, sequence_mode="EXTEND")
    volume("repeat", (1, 3), (2,), frame_start=1, frame_duration=3, sequence_mode="REPEAT")
    volume("pingpong", (1, 2), (3,), frame_start=1, frame_duration=3, sequence_mode="PING_PONG")

    for n in (1, 2, 4, 5):
        kit.write(v.at(f"abc/s_{n:03}.abc"), "Ogawa")
        v.required(f"abc/s_{n:03}.abc", "cache-sequence", "CacheFile.filepath")
    v.missing("abc/s_003.abc", "cache-sequence", "CacheFile.filepath", "a frame of the scene shows it")
    v.save()
    bpy.ops.cachefile.open(filepath=v.at("abc/s_001.abc"))
    cache = bpy.data.cache_files[0]
    cache.filepath, cache.is_sequence = "//abc/s_001.abc", True
    cube("cached").modifiers.new("A", "MESH_SEQUENCE_CACHE").cache_file = cache

    editor = s.sequence_editor_create()
    names = [f"t_{n}.png" for n in range(6)]
    for n in (1, 3):
        v.png(f"strip/t_{n}.png")
        v.required(f"strip/t_{n}.png", "vse-image", "StripElem.name")
    v.missing("strip/t_2.png", "vse-image", "StripElem.name", "between the handles")
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image("trim", "//strip/t_0.png", 1, frame_start=1)
    for n in names[1:]:
        strip.elements.append(n)
    strip.directory = "//strip/"
    strip.frame_offset_start, strip.frame_offset_end = 1, 2
    v.save()
    v.finish(facts=False)


OBJ = "v -1 -1 0\nv 1 -1 0\nv 0 1 0\nf 1 2 3\n"


class Tree:
    """A geometry nodes group whose output is the geometry of an import node."""

    def __init__(self, name, inputs=()):
        self.group = bpy.data.node_groups.new(name, "GeometryNodeTree")
        self.ids = {}
        for label, kind, default in inputs:
            item = self.group.interface.new_socket(label, in_out="INPUT", socket_type="NodeSocketString")
            if kind:
                item.subtype = kind
            item.default_value = default
            self.ids[label] = item.identifier
        self.group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
        self.output = self.node("NodeGroupOutput")

    def node(self, kind):
        return self.group.nodes.new(kind)

    def link(self, a, b):
        self.group.links.new(a, b)

    def importer(self, source=None, path=None):
        n = self.node("GeometryNodeImportOBJ")
        realize = self.node("GeometryNodeRealizeInstances")
        self.link(n.outputs[0], realize.inputs[0])
        self.link(realize.outputs[0], self.output.inputs[0])
        if path:
            n.inputs[0].default_value = path
        if source:
            self.link(source, n.inputs[0])
        return n

    def string(self, text):
        n = self.node("FunctionNodeInputString")
        n.string = text
        return n.outputs[0]

    def input(self, label):
        n = self.node("NodeGroupInput")
        return n.outputs[label]

    def show(self, **values):
        ob = add_object(self.group.name, bpy.data.meshes.new(self.group.name))
        m = ob.modifiers.new("GN", "NODES")
        m.node_group = self.group
        bpy.context.view_layer.update()
        for label, value in values.items():
            getattr(m.properties.inputs, self.ids[label]).value = value
        return m


def nodes():
    v = Vector(PREFIX + "55-import-nodes")
    scene(v)

    def obj(name, why="", status="required"):
        kit.write(v.at(f"geo/{name}.obj"), OBJ)
        if status == "forbidden":
            v.forbidden(f"geo/{name}.obj", why)
        else:
            getattr(v, status)(f"geo/{name}.obj", "import", *(["bNodeSocketValueString.value", why] if status == "required" else [why]))
        return f"//geo/{name}.obj"

    t = Tree("typed")
    t.importer(path=obj("typed"))
    t.show()
    t = Tree("string")
    t.importer(t.string(obj("string", "from a String node")))
    t.show()
    t = Tree("reroute")
    n = t.node("NodeReroute")
    t.link(t.string(obj("reroute")), n.inputs[0])
    t.importer(n.outputs[0])
    t.show()

    t = Tree("switch")
    n = t.node("GeometryNodeSwitch")
    n.input_type = "STRING"
    n.inputs["False"].default_value, n.inputs["True"].default_value = obj("off"), "//geo/unused and gone.obj"
    t.importer(n.outputs[0])
    t.show()
    t = Tree("switch string")
    n = t.node("GeometryNodeSwitch")
    n.input_type = "STRING"
    n.inputs["Switch"].default_value = True
    n.inputs["False"].default_value = obj("other branch", "the branch that is not taken", "optional")
    t.link(t.string(obj("on")), n.inputs["True"])
    t.importer(n.outputs[0])
    t.show()
    t = Tree("menu")
    n = t.node("GeometryNodeMenuSwitch")
    n.data_type = "STRING"
    for item, name in zip([s for s in n.inputs if s.type == "STRING"], ("menu a", "menu b")):
        item.default_value = obj(name, "", "required")
    t.importer(n.outputs[0])
    t.show()
    t = Tree("index")
    n = t.node("GeometryNodeIndexSwitch")
    n.data_type = "STRING"
    strings = [s for s in n.inputs if s.type == "STRING"]
    strings[0].default_value, strings[1].default_value = obj("index 0"), obj("index 1", "not chosen", "optional")
    t.importer(n.outputs[0])
    t.show()

    t = Tree("modifier", [("Path", "NONE", ""), ("Text", "NONE", "")])
    t.importer(t.input("Path"))
    t.show(Path=obj("modifier"), Text=obj("text", "a text that no node takes for a path", "forbidden"))
    t = Tree("default", [("Path", "NONE", obj("default"))])
    t.importer(t.input("Path"))
    t.show()
    t = Tree("inner", [("Path", "NONE", "")])
    t.importer(t.input("Path"))
    inner = t
    t = Tree("outer", [("Where", "NONE", "")])
    for text in (obj("typed at a group"), None):
        n = t.node("GeometryNodeGroup")
        n.node_tree = inner.group
        if text:
            n.inputs[0].default_value = text
        else:
            t.link(t.input("Where"), n.inputs[0])
        t.link(n.outputs[0], t.output.inputs[0])
    t.show(Where=obj("through two groups"))

    t = Tree("curves")
    n = t.node("GeometryNodeStringToCurves")
    n.inputs["String"].default_value = obj("curves", "a text to show", "forbidden")
    t.link(n.outputs[0], t.output.inputs[0])
    t.show()

    def frame(t):
        return t.node("GeometryNodeInputSceneTime").outputs["Frame"]

    for n in (1, 2, 3):
        obj(f"made_{n:04}", "a frame number is put into the name")
        obj(f"joined_{n}", "a frame number is put into the name")
    obj("made_note.txt", "another suffix", "forbidden")
    os.rename(v.at("geo/made_note.txt.obj"), v.at("geo/made_note.txt"))
    v.deps[-1]["path"] = "geo/made_note.txt"
    t = Tree("format")
    n = t.node("FunctionNodeFormatString")
    n.format_items.new("INT", "frame")
    n.inputs["Format"].default_value = "//geo/made_{frame:04}.obj"
    t.link(frame(t), n.inputs["frame"])
    t.importer(n.outputs[0])
    t.show()
    t = Tree("join")
    n = t.node("GeometryNodeStringJoin")
    number = t.node("FunctionNodeValueToString")
    t.link(frame(t), number.inputs[0])
    for part in (t.string(".obj"), number.outputs[0], t.string("//geo/joined_")):
        t.link(part, n.inputs["Strings"])
    t.importer(n.outputs[0])
    t.show()
    v.save()

    kit.empty()
    t = Tree("linked", [("Path", "NONE", "")])
    t.importer(t.input("Path"))
    t.group.use_fake_user = True
    t2 = Tree("linked typed")
    t2.importer(path="//geo/of library.obj")
    t2.group.use_fake_user = True
    ids = t.ids
    v.save("lib/kit.blend")
    v.reopen()
    groups = kit.link(v.at("lib/kit.blend"), "node_groups", "linked", "linked typed")
    for g, values in zip(groups, ({"Path": "//geo/at the modifier.obj"}, {})):
        t = Tree.__new__(Tree)
        t.group, t.ids = g, ids
        t.show(**values)
    for name in ("of library", "at the modifier"):
        kit.write(v.at(f"lib/geo/{name}.obj"), OBJ)
        v.required(f"lib/geo/{name}.obj", "import", "bNodeSocketValueString.value", "// is the folder of the group's library")
        kit.write(v.at(f"geo/{name}.obj"), OBJ)
        v.forbidden(f"geo/{name}.obj", "beside the shot, not the library")
    v.required("lib/kit.blend", "library", "Library.name")
    v.save()
    v.finish(facts=False)


for make in (packed, holes) + ((nodes,) if PREFIX else ()):
    if not ONLY or make.__name__ in ONLY:
        make()
