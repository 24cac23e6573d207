"""Vectors of linked libraries: chains, data that is reached only indirectly, overrides, and libraries that are not well.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/libraries.py
"""

import os
import shutil
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, activate, add_object, cube, image, kit, material  # noqa: E402

LIB = "Library.name"
NAME = "Image.name"


def link(v, path, kind, *names):
    """Links from a library, and shows linked objects and collections in the scene."""
    out = kit.link(v.at(path), kind, *names)
    scene = bpy.context.scene
    for block in out:
        if kind == "objects":
            scene.collection.objects.link(block)
        elif kind == "collections":
            ob = bpy.data.objects.new(block.name, None)
            ob.instance_type, ob.instance_collection = "COLLECTION", block
            scene.collection.objects.link(ob)
        elif hasattr(block, "use_fake_user") and block.users == 0:
            scene[block.name] = block
    return out


def painted(name, path):
    """An object whose material shows the image at path. Returns the object."""
    ob = cube(name)
    material(name, image(name, path, fake_user=False), ob)
    return ob


def chain():
    v = Vector("33-lib-chain", main="shots/010/a.blend")
    v.begin("lib/deep/c.blend")
    v.png("lib/deep/tex/c.png")
    painted("C", "//tex/c.png")
    v.png("lib/deep/tex/c_unused.png")
    painted("Unused", "//tex/c_unused.png")
    v.save("lib/deep/c.blend")

    v.begin("lib/b.blend")
    collection = bpy.data.collections.new("B")
    collection.use_fake_user = True
    b = painted("B", "//tex/b.png")
    v.png("lib/tex/b.png")
    (c,) = link(v, "lib/deep/c.blend", "objects", "C")
    collection.objects.link(b)
    collection.objects.link(c)
    v.save("lib/b.blend")

    v.begin()
    link(v, "lib/b.blend", "collections", "B")
    v.save()
    v.required("lib/b.blend", "library", LIB)
    v.required("lib/deep/c.blend", "library", LIB, "linked by a library", by="lib/b.blend")
    v.required("lib/tex/b.png", "image", NAME, by="lib/b.blend")
    v.required("lib/deep/tex/c.png", "image", NAME, by="lib/deep/c.blend")
    v.optional("lib/deep/tex/c_unused.png", "image", "in the library, but not reached", by="lib/deep/c.blend")
    for name in ("b", "c"):
        v.png(f"shots/010/tex/{name}.png")
        v.forbidden(f"shots/010/tex/{name}.png", "a library's // is not the shot's folder")
    v.finish()


def indirect():
    """A library's data that a shot reaches only through what its linked objects point to."""
    v = Vector("34-lib-indirect")
    v.begin("lib/rig.blend")
    scene = bpy.context.scene

    def target(name, why):
        path = f"tex/{name}.png"
        v.png("lib/" + path)
        v.required("lib/" + path, "image", NAME, why, by="lib/rig.blend")
        return painted(name, "//" + path)

    def needs(name):
        return cube("use_" + name)

    needs("parent").parent = target("parent", "parent of a linked object")
    needs("constraint").constraints.new("COPY_LOCATION").target = target("constraint", "target of a constraint")
    needs("modifier").modifiers.new("b", "BOOLEAN").object = target("modifier", "object of a modifier")

    operand = bpy.data.collections.new("operand")
    operand.objects.link(target("operand", "collection of a boolean modifier"))
    boolean = needs("operand").modifiers.new("b", "BOOLEAN")
    boolean.operand_type, boolean.collection = "COLLECTION", operand

    variable = needs("driver").driver_add("location", 0).driver.variables.new()
    variable.targets[0].id = target("driver", "target of a driver's variable")
    variable.targets[0].data_path = "location.x"

    instanced = bpy.data.collections.new("instanced")
    instanced.objects.link(target("instanced", "in an instanced collection"))
    empty = add_object("use_instanced")
    empty.instance_type, empty.instance_collection = "COLLECTION", instanced

    child = bpy.data.collections.new("child")
    child.objects.link(target("child", "in a collection within an instanced collection"))
    outer = bpy.data.collections.new("outer")
    outer.children.link(child)
    empty = add_object("use_child")
    empty.instance_type, empty.instance_collection = "COLLECTION", outer

    needs("idprop")["ref"] = target("idprop", "pointer in a custom property")
    needs("idprop_deep")["group"] = {"inner": {"ref": target("idprop_deep", "pointer deep in a custom property")}}
    needs("idprop_data").data["ref"] = target("idprop_data", "custom property of a mesh")

    curve = bpy.data.curves.new("use_bevel", "CURVE")
    for slot in ("bevel", "taper"):
        shape = target(slot, f"{slot} object of a curve")
        profile = bpy.data.curves.new(slot + " profile", "CURVE")
        profile.materials.append(shape.data.materials[0])
        bpy.data.objects.remove(shape)
        setattr(curve, slot + "_object", add_object(slot, profile))
    curve.bevel_mode = "OBJECT"
    add_object("use_bevel", curve)
    text = bpy.data.curves.new("use_follow", "FONT")
    text.body = "text"
    path_curve = bpy.data.curves.new("follow", "CURVE")
    path_curve.materials.append(target("follow", "curve that a text follows").data.materials[0])
    text.follow_curve = add_object("follow curve", path_curve)
    add_object("use_follow", text)

    armature = bpy.data.armatures.new("use_shape")
    rig = add_object("use_shape", armature)
    activate(rig)
    bpy.ops.object.mode_set(mode="EDIT")
    armature.edit_bones.new("Bone").tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["Bone"].custom_shape = target("shape", "custom shape of a bone")
    rig.pose.bones["Bone"].constraints.new("COPY_ROTATION").target = target("bone", "target of a bone's constraint")

    system = needs("particle").modifiers.new("p", "PARTICLE_SYSTEM").particle_system
    system.settings.render_type = "OBJECT"
    system.settings.instance_object = target("particle", "instanced by particles")
    grouped = bpy.data.collections.new("grouped")
    grouped.objects.link(target("particles", "in a collection that particles instance"))
    system = needs("particles").modifiers.new("p", "PARTICLE_SYSTEM").particle_system
    system.settings.render_type = "COLLECTION"
    system.settings.instance_collection = grouped

    scattered = target("geometry", "object in a geometry node")
    tree = bpy.data.node_groups.new("tree", "GeometryNodeTree")
    tree.nodes.new("GeometryNodeObjectInfo").inputs["Object"].default_value = scattered
    needs("geometry").modifiers.new("g", "NODES").node_group = tree
    tree = bpy.data.node_groups.new("tree2", "GeometryNodeTree")
    tree.inputs.new("NodeSocketCollection", "Collection")
    picked = bpy.data.collections.new("picked")
    picked.objects.link(target("input", "in a collection given to a geometry nodes modifier"))
    modifier = needs("input").modifiers.new("g", "NODES")
    modifier.node_group = tree
    modifier[tree.inputs[0].identifier] = picked

    ob = needs("slot")
    ob.data.materials.append(None)
    ob.material_slots[0].link = "OBJECT"
    ob.material_slots[0].material = target("slot", "material of the object, not of its mesh").data.materials[0]

    action = bpy.data.actions.new("action")
    action["ref"] = target("action", "custom property of an action")
    needs("action").animation_data_create().action = action
    strip_action = bpy.data.actions.new("strip action")
    strip_action["ref"] = target("nla", "custom property of an action in an NLA strip")
    needs("nla").animation_data_create().nla_tracks.new().strips.new("s", 1, strip_action)

    keyed = needs("key")
    keyed.shape_key_add(name="Basis")
    variable = keyed.shape_key_add(name="Key").driver_add("value").driver.variables.new()
    variable.targets[0].id = target("key", "driver of a shape key")
    variable.targets[0].data_path = "location.x"

    driven = needs("material_driver")
    mat, _ = material("driven", None, driven)
    shader = mat.node_tree.nodes["Principled BSDF"].inputs["Metallic"].driver_add("default_value").driver.variables.new()
    shader.targets[0].id = target("material_driver", "driver of a node's socket")
    shader.targets[0].data_path = "location.x"
    coordinates = mat.node_tree.nodes.new("ShaderNodeTexCoord")
    coordinates.object = target("coordinates", "object of a texture coordinate node")

    pencil = bpy.data.grease_pencils.new("lines")
    lines = add_object("use_lineart", pencil)
    lineart = lines.grease_pencil_modifiers.new("l", "GP_LINEART")
    lineart.source_type = "OBJECT"
    lineart.source_object = target("lineart", "source object of line art")
    stroke = bpy.data.materials.new("stroke")
    bpy.data.materials.create_gpencil_data(stroke)
    v.png("lib/tex/stroke.png")
    stroke.grease_pencil.stroke_image = image("stroke", "//tex/stroke.png", fake_user=False)
    v.required("lib/tex/stroke.png", "image", NAME, "material of line art", by="lib/rig.blend")
    pencil.materials.append(stroke)
    lineart.target_material = stroke

    force = add_object("use_force")
    activate(force)
    bpy.ops.object.forcefield_toggle()
    force.field.type = "TEXTURE"
    texture = bpy.data.textures.new("force", "IMAGE")
    v.png("lib/tex/force.png")
    texture.image = image("force", "//tex/force.png", fake_user=False)
    force.field.texture = texture
    v.required("lib/tex/force.png", "image", NAME, "texture of a force field", by="lib/rig.blend")

    dof = bpy.data.cameras.new("use_focus")
    dof.dof.use_dof = True
    dof.dof.focus_object = target("focus", "")
    v.deps.pop()
    v.optional("lib/tex/focus.png", "image", "object that a linked camera focuses on: Blender 3.4 forgets to link it, later ones do", NAME, by="lib/rig.blend")
    add_object("use_focus", dof)

    hooked = needs("field")
    hooked.modifiers.new("c", "CLOTH").settings.effector_weights.collection = bpy.data.collections.new("effectors")
    bpy.data.collections["effectors"].objects.link(target("effector", "in a collection of effectors"))

    v.png("lib/tex/unused.png")
    painted("unused", "//tex/unused.png")
    v.optional("lib/tex/unused.png", "image", "in the library, but not reached", by="lib/rig.blend")
    users = [o.name for o in bpy.data.objects if o.name.startswith("use_")]
    everything = bpy.data.collections.new("everything")
    for name in users:
        everything.objects.link(bpy.data.objects[name])
    everything.use_fake_user = True
    v.save("lib/rig.blend")

    v.begin()
    link(v, "lib/rig.blend", "collections", "everything")
    v.save()
    v.required("lib/rig.blend", "library", LIB)
    v.finish()


def twice():
    v = Vector("35-lib-twice")
    for name in ("l", "m"):
        v.begin(f"lib/{name}.blend")
        for n in (1, 2):
            painted(f"Ob{n}", f"//t{n}.png")
        v.save(f"lib/{name}.blend")
    for n in (1, 2):
        v.png(f"lib/t{n}.png")
        v.required(f"lib/t{n}.png", "image", NAME, by="lib/l.blend")
    v.begin()
    link(v, "lib/l.blend", "objects", "Ob1")
    link(v, "lib/m.blend", "objects", "Ob2")
    bpy.data.libraries["m.blend"].filepath = "//./lib/../lib/l.blend"
    v.save()
    os.remove(v.at("lib/m.blend"))
    v.required("lib/l.blend", "library", LIB, "one library, linked under two spellings")
    v.finish()


def circular():
    v = Vector("36-lib-circular", main="a.blend")
    v.begin("b.blend")
    painted("B", v.png("tex/b.png"))
    v.save("b.blend")
    v.begin()
    ob = painted("A", v.png("tex/a.png"))
    (b,) = link(v, "b.blend", "objects", "B")
    ob.parent = b
    v.save()
    v.reopen("b.blend")
    link(v, "a.blend", "objects", "A")
    v.save("b.blend")
    v.required("b.blend", "library", LIB, "links back to the file that links it")
    v.required("tex/a.png", "image", NAME)
    v.required("tex/b.png", "image", NAME, by="b.blend")
    v.optional("a.blend", "library", "the file itself, linked by its library", LIB, by="b.blend")
    v.finish()


def broken():
    v = Vector("37-lib-broken")
    names = ("gone", "text", "short", "folder", "zip", "empty", "good")
    for name in names:
        v.begin(f"lib/{name}.blend")
        painted(name, "//tex.png")
        v.save(f"lib/{name}.blend")
    v.png("lib/tex.png")
    v.begin()
    for name in names:
        link(v, f"lib/{name}.blend", "objects", name)
    v.save()
    good = open(v.at("lib/good.blend"), "rb").read()
    for name in names[:-1]:
        os.remove(v.at(f"lib/{name}.blend"))
    kit.write(v.at("lib/text.blend"), "this is no blend file\n")
    kit.write(v.at("lib/short.blend"), good[: len(good) // 3])
    kit.write(v.at("lib/folder.blend/readme.txt"), "a folder with a blend file's name")
    kit.write(v.at("lib/zip.blend"), b"PK\x03\x04" + bytes(60))
    kit.write(v.at("lib/empty.blend"), "")
    v.missing("lib/gone.blend", "library", LIB)
    for name in ("text", "short", "zip", "empty"):
        v.required(f"lib/{name}.blend", "library", LIB, "is there, but is no blend file that can be read: to be told, not fatal")
    v.optional("lib/folder.blend", "library", "a folder: to be told, not fatal", LIB)
    v.forbidden("lib/folder.blend/readme.txt", "in a folder named as a library")
    v.required("lib/good.blend", "library", LIB)
    v.required("lib/tex.png", "image", NAME, "of the one library that is well", by="lib/good.blend")
    v.finish(facts=False)


def overrides():
    v = Vector("38-lib-overrides")
    v.begin("lib/prop.blend")
    painted("Prop", "//tex/prop.png")
    v.png("lib/tex/prop.png")
    v.save("lib/prop.blend")
    v.begin()
    (prop,) = link(v, "lib/prop.blend", "objects", "Prop")
    override = prop.override_create(remap_local_usages=True)
    override.location.x = 3
    override.modifiers.new("Local", "SUBSURF")
    cache = override.modifiers.new("Cache", "MESH_CACHE")
    cache.filepath = "//local.mdd"
    kit.write(v.at("local.mdd"), bytes(64))
    v.required("local.mdd", "mesh-cache", "MeshCacheModifierData.filepath", "of a modifier added to an override: // is the shot's folder")
    kit.write(v.at("lib/local.mdd"), bytes(64))
    v.forbidden("lib/local.mdd", "the override is local: the library's folder is not its //")

    v.save()
    v.required("lib/prop.blend", "library", LIB)
    v.required("lib/tex/prop.png", "image", NAME, "material of the object behind an override", by="lib/prop.blend")
    v.png("tex/prop.png")
    v.forbidden("tex/prop.png", "a library's // is not the shot's folder")
    v.finish()


def appended():
    v = Vector("39-appended")
    v.begin("lib/kit.blend")
    ob = painted("Chair", "//tex/chair.png")
    ob.asset_mark()
    v.png("lib/tex/chair.png")
    v.save("lib/kit.blend")
    v.begin()
    bpy.ops.wm.append(
        filepath=v.at("lib/kit.blend/Object/Chair"), directory=v.at("lib/kit.blend/Object/"), filename="Chair",
        do_reuse_local_id=True, link=False,
    )  # fmt: skip
    assert bpy.data.objects["Chair"].library is None
    picture = bpy.data.images["Chair"]
    picture.filepath = "//lib/tex/chair.png"
    v.save()
    assert b"kit.blend" in kit.decompressed(v.at("main.blend")), "a weak reference to the library"
    v.required("lib/tex/chair.png", "image", NAME, "of appended data, which is the shot's own")
    v.forbidden("lib/kit.blend", "appended from: only a weak reference is left")
    v.finish()


def kinds():
    """One data-block of each kind that names a file, linked by itself."""
    v = Vector("40-lib-kinds", main="shots/main.blend")
    clip_source = v.at("lib/media/clip.avi")
    kit.movie(clip_source)
    kit.wav(v.at("lib/media/sound.wav"))
    v.begin("lib/kinds.blend")

    def need(path, kind, field):
        v.required("lib/" + path, kind, field, by="lib/kinds.blend")
        return "//" + path

    v.png("lib/media/image.png")
    image("image", need("media/image.png", "image", NAME))
    clip = bpy.data.movieclips.load(clip_source)
    clip.name, clip.filepath, clip.use_fake_user = "clip", need("media/clip.avi", "movie-clip", "MovieClip.name"), True
    sound = bpy.data.sounds.load(v.at("lib/media/sound.wav"))
    sound.name, sound.filepath, sound.use_fake_user = "sound", need("media/sound.wav", "sound", "bSound.name"), True
    volume = bpy.data.volumes.new("volume")
    kit.write(v.at("lib/media/volume.vdb"), b" BDV\0\0\0\0")
    volume.filepath, volume.use_fake_user = need("media/volume.vdb", "volume", "Volume.filepath"), True
    kit.write(v.at("lib/media/cache.abc"), b"Ogawa\xff\x00\x01")
    bpy.ops.cachefile.open(filepath=v.at("lib/media/cache.abc"))
    cache = bpy.data.cache_files[0]
    cache.name, cache.filepath, cache.use_fake_user = "cache", need("media/cache.abc", "cache", "CacheFile.filepath"), True
    kit.write(v.at("lib/media/text.py"), "pass\n")
    text = bpy.data.texts.load(v.at("lib/media/text.py"))
    text.name, text.filepath, text.use_fake_user = "text", need("media/text.py", "text", "Text.name"), True

    def pictured(name, tree):
        v.png(f"lib/media/{name}.png")
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image(name, need(f"media/{name}.png", "image", NAME), fake_user=False)

    world = bpy.data.worlds.new("world")
    light = bpy.data.lights.new("light", "SUN")
    mat = bpy.data.materials.new("material")
    for block in (world, light, mat):
        block.use_nodes = block.use_fake_user = True
        pictured(block.name, block.node_tree)
    group = bpy.data.node_groups.new("group", "ShaderNodeTree")
    group.use_fake_user = True
    pictured("group", group)
    brush = bpy.data.brushes.new("brush", mode="TEXTURE_PAINT")
    brush.use_fake_user = True
    texture = bpy.data.textures.new("texture", "IMAGE")
    v.png("lib/media/texture.png")
    texture.image = image("texture", need("media/texture.png", "image", NAME), fake_user=False)
    brush.texture = texture
    camera = bpy.data.cameras.new("camera")
    camera.use_fake_user = True
    v.png("lib/media/camera.png")
    camera.background_images.new().image = image("camera", need("media/camera.png", "image", NAME), fake_user=False)
    v.save("lib/kinds.blend")

    v.begin()
    for kind, name in [
        ("images", "image"), ("movieclips", "clip"), ("sounds", "sound"), ("volumes", "volume"), ("cache_files", "cache"),
        ("texts", "text"), ("worlds", "world"), ("lights", "light"), ("materials", "material"), ("node_groups", "group"),
        ("brushes", "brush"), ("cameras", "camera"),
    ]:  # fmt: skip
        (block,) = kit.link(v.at("lib/kinds.blend"), kind, name)
        bpy.context.scene[name] = block
    v.save()
    v.required("lib/kinds.blend", "library", LIB)
    v.finish()


def scenes():
    """A linked scene brings what it shows, what it cuts, and its own background."""
    v = Vector("41-lib-scenes", main="shots/main.blend")
    kit.wav(v.at("lib/a/voice.wav"))
    v.begin("lib/set.blend")
    scene = bpy.context.scene
    scene.name = "Set"
    v.png("lib/a/wall.png")
    painted("Wall", "//a/wall.png")
    v.required("lib/a/wall.png", "image", NAME, "of an object of the linked scene", by="lib/set.blend")
    v.png("lib/a/cut.png")
    sequences = scene.sequence_editor_create().sequences
    sequences.new_image("cut", "//a/cut.png", 1, 1).directory = "//a/"
    v.required("lib/a/cut.png", "vse-image", "Strip.dir + StripElem.name", "strip of the linked scene", by="lib/set.blend")
    sequences.new_sound("voice", "//a/voice.wav", 2, 1)
    v.required("lib/a/voice.wav", "sound", "bSound.name", "strip of the linked scene", by="lib/set.blend")
    back = bpy.data.scenes.new("Back")
    scene.background_set = back
    back.world = bpy.data.worlds.new("Back")
    back.world.use_nodes = True
    v.png("lib/a/sky.png")
    back.world.node_tree.nodes.new("ShaderNodeTexEnvironment").image = image("sky", "//a/sky.png", fake_user=False)
    v.required("lib/a/sky.png", "image", NAME, "world of the background scene of the linked scene", by="lib/set.blend")
    scene.use_nodes = True
    v.png("lib/a/comp.png")
    scene.node_tree.nodes.new("CompositorNodeImage").image = image("comp", "//a/comp.png", fake_user=False)
    v.required("lib/a/comp.png", "image", NAME, "compositor of the linked scene", by="lib/set.blend")
    v.save("lib/set.blend")

    v.begin("lib/edit.blend")
    bpy.context.scene.name = "Edit"
    v.png("lib/a/edit.png")
    painted("Edit", "//a/edit.png")
    v.save("lib/edit.blend")
    v.required("lib/a/edit.png", "image", NAME, "of a linked scene that a strip shows", by="lib/edit.blend")

    v.begin()
    scene = bpy.context.scene
    (scene.background_set,) = kit.link(v.at("lib/set.blend"), "scenes", "Set")
    (edit,) = kit.link(v.at("lib/edit.blend"), "scenes", "Edit")
    scene.sequence_editor_create().sequences.new_scene("edit", edit, 1, 1)
    v.save()
    for name in ("set", "edit"):
        v.required(f"lib/{name}.blend", "library", LIB)
    v.finish()


def rendered_scenes():
    """A linked scene whose compositor shows the render of another one: Blender does not link that one."""
    v = Vector("51-lib-rendered-scene", main="shots/main.blend")
    v.begin("lib/comp.blend")
    bpy.context.scene.name = "Other"
    v.png("lib/other.png")
    painted("Other", "//other.png")
    v.forbidden("lib/other.png", "in a scene that is not linked", by="lib/comp.blend")
    scene = bpy.data.scenes.new("Comp")
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.new("CompositorNodeRLayers").scene = bpy.data.scenes["Other"]
    crypto = tree.nodes.new("CompositorNodeCryptomatteV2")
    crypto.scene = bpy.data.scenes["Other"]
    picture = tree.nodes.new("CompositorNodeCryptomatteV2")
    picture.source = "IMAGE"
    v.png("lib/matte.png")
    picture.image = image("matte", "//matte.png", fake_user=False)
    v.required("lib/matte.png", "image", NAME, "a cryptomatte node that reads an image", by="lib/comp.blend")
    v.save("lib/comp.blend")
    v.begin()
    (bpy.context.scene.background_set,) = kit.link(v.at("lib/comp.blend"), "scenes", "Comp")
    v.save()
    v.required("lib/comp.blend", "library", LIB)
    v.finish()


def placeholders():
    """A library that is there, but has lost the data-block that is wanted."""
    v = Vector("42-lib-lost-data")
    v.begin("lib/l.blend")
    painted("Kept", "//kept.png")
    painted("Lost", "//lost.png")
    for name in ("kept", "lost"):
        v.png(f"lib/{name}.png")
    v.save("lib/l.blend")
    v.begin()
    link(v, "lib/l.blend", "objects", "Kept", "Lost")
    v.save()
    v.begin("lib/l.blend")
    painted("Kept", "//kept.png")
    v.save("lib/l.blend")
    v.required("lib/l.blend", "library", LIB)
    v.required("lib/kept.png", "image", NAME, by="lib/l.blend")
    v.forbidden("lib/lost.png", "the library no longer has who used it")
    v.finish()


def packed():
    """Libraries that are packed into the shot: what they name still counts from their own folders."""
    v = Vector("30-lib-packed", main="shots/main.blend")
    v.begin("lib/deep/inner.blend")
    v.png("lib/deep/tex/inner.png")
    painted("Inner", "//tex/inner.png")
    v.save("lib/deep/inner.blend")
    v.begin("lib/outer.blend")
    v.png("lib/tex/outer.png")
    ob = painted("Outer", "//tex/outer.png")
    (ob.parent,) = link(v, "lib/deep/inner.blend", "objects", "Inner")
    v.png("lib/tex/unused.png")
    painted("Unused", "//tex/unused.png")
    v.save("lib/outer.blend")
    v.begin()
    link(v, "lib/outer.blend", "objects", "Outer")
    bpy.ops.file.pack_libraries()
    v.save()
    assert all(lib.packed_file for lib in bpy.data.libraries)
    os.remove(v.at("lib/outer.blend"))
    v.forbidden("lib/deep/inner.blend", "packed into the shot")
    v.required("lib/tex/outer.png", "image", NAME, "of a packed library, beside where that was", by="lib/outer.blend")
    v.required("lib/deep/tex/inner.png", "image", NAME, "of a library that it links, packed too", by="lib/deep/inner.blend")
    v.optional("lib/tex/unused.png", "image", "in a packed library, but not reached", by="lib/outer.blend")
    v.png("shots/tex/outer.png")
    v.forbidden("shots/tex/outer.png", "a library's // is not the shot's folder")
    v.finish()


def compressed():
    """Plain, gzip and zstd in one chain."""
    v = Vector("43-compressed", main="zstd.blend")
    v.begin("plain.blend")
    painted("Plain", v.png("tex/plain.png"))
    v.save("plain.blend", compress=False)
    v.begin("gzip.blend")
    ob = painted("Gzip", v.png("tex/gzip.png"))
    (ob.parent,) = link(v, "plain.blend", "objects", "Plain")
    v.save("gzip.blend", compress=False)
    kit.gzip_in_place(v.at("gzip.blend"))
    v.begin()
    painted("Zstd", v.png("tex/zstd.png"))
    link(v, "gzip.blend", "objects", "Gzip")
    v.save()
    v.required("tex/zstd.png", "image", NAME)
    for name in ("gzip", "plain"):
        v.required(f"{name}.blend", "library", LIB, "a library in " + ("gzip, as Blender 2.9 wrote it" if name == "gzip" else "plain bytes"))
        v.required(f"tex/{name}.png", "image", NAME, by=name + ".blend")
    v.finish()


for make in (chain, indirect, twice, circular, broken, overrides, appended, kinds, scenes, rendered_scenes, placeholders, packed, compressed):
    make()
