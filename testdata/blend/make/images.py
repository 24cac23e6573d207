"""Vectors of images: every source an image data-block can have, and everything that uses one.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/images.py
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, add_object, cube, image, kit, material  # noqa: E402

NAME = "Image.name"


def empty():
    v = Vector("01-empty")
    v.png("textures/unused_on_disk.png")
    v.forbidden("textures/unused_on_disk.png", "on disk, not referenced")
    v.save()
    v.finish()


def basic():
    v = Vector("03-image-basic")
    for path in ["root.png", "textures/wood.png", "textures/deep/er/metal.png", "a/same.png", "b/same.png", "textures/sp ace & bé.png"]:
        image(path, v.png(path))
        v.required(path, "image", NAME)
    kit.hdr(v.at("hdr/env.hdr"))
    image("env", "//hdr/env.hdr")
    v.required("hdr/env.hdr", "image", NAME)
    image("fake", v.png("textures/fakeuser.png"), fake_user=True)
    v.required("textures/fakeuser.png", "image", NAME, "data-block kept by a fake user alone")
    v.png("textures/dots.png")
    image("dots", "//textures/./deep/../dots.png")
    v.required("textures/dots.png", "image", NAME, "spelled with . and ..")
    image("gone", "//textures/gone.png")
    v.missing("textures/gone.png", "image", NAME)
    image("no path", "")
    for path, why in [
        ("decoy.png", "on disk, not referenced"),
        ("textures/wood.png.bak", "on disk, not referenced"),
        ("textures/wood2.png", "on disk, not referenced"),
    ]:
        v.png(path)
        v.forbidden(path, why)
    v.save()
    v.finish()


def not_from_disk():
    v = Vector("04-image-not-from-disk")
    image("generated", v.png("tex/generated.png"), source="GENERATED")
    v.forbidden("tex/generated.png", "the image is generated, the path a leftover")
    packed = image("packed", v.png("tex/packed.png"))
    packed.pack()
    v.forbidden("tex/packed.png", "packed into the blend file")
    kit.png(v.at("tex/packed_gone.png"))
    gone = image("packed gone", "//tex/packed_gone.png")
    gone.pack()
    os.remove(v.at("tex/packed_gone.png"))
    bpy.context.scene.render.engine = "CYCLES"
    bpy.context.scene.cycles.samples = 1
    bpy.context.scene.cycles.use_denoising = False
    bpy.context.scene.render.resolution_percentage = 1
    bpy.context.scene.camera = add_object("Camera", bpy.data.cameras.new("Camera"))
    bpy.ops.render.render()
    result = bpy.data.images["Render Result"]
    assert result.source == "VIEWER"
    result.filepath_raw = v.png("tex/viewer.png")
    result.use_fake_user = True
    v.forbidden("tex/viewer.png", "the image is a viewer, the path a leftover")
    for tile in (1001, 1002):
        v.png(f"tex/pk.{tile}.png")
        v.forbidden(f"tex/pk.{tile}.png", "the whole UDIM set is packed")
    tiled = image("packed tiles", "//tex/pk.<UDIM>.png", "TILED")
    tiled.tiles.new(tile_number=1002)
    tiled.reload()
    tiled.pack()
    v.save()
    v.finish()


def movie():
    v = Vector("05-image-movie")
    kit.movie(v.at("mov/clip.avi"))
    kit.movie(v.at("mov/clip_0001.avi"))
    kit.movie(v.at("mov/clip_0002.avi"))
    v.begin()
    for name in ("clip", "clip_0001"):
        im = image(name, f"//mov/{name}.avi", "MOVIE")
        material(name, im, cube(name))[1].image_user.frame_duration = 4
        v.required(f"mov/{name}.avi", "movie", NAME)
    v.forbidden("mov/clip_0002.avi", "a movie is one file, whatever number it ends in")
    v.save()
    v.finish()


def stereo():
    v = Vector("06-image-stereo")
    bpy.context.scene.render.use_multiview = True
    for eye in "LR":
        v.png(f"st/eye_{eye}.png")
        v.required(f"st/eye_{eye}.png", "image", NAME if eye == "L" else "ImageView.filepath")
    v.png("st/eye.png")
    v.optional("st/eye.png", "decoy", "the name without a suffix: never opened with one file a view")
    im = image("eye", "//st/eye_L.png")
    im.use_multiview = True
    im.views_format = "INDIVIDUAL"
    material("eye", im, cube("eye"))
    im3d = image("side by side", v.png("st/both.png"))
    im3d.use_multiview = True
    im3d.views_format = "STEREO_3D"
    v.required("st/both.png", "image", NAME, "both views in one picture")
    v.save()
    v.finish()


def udim():
    v = Vector("07-udim")

    def tiled(name, path, tiles):
        im = image(name, path, "TILED")
        for t in tiles:
            im.tiles.new(tile_number=t)
        if 1001 not in tiles:
            im.tiles.remove(im.tiles.get(1001))
        material(name, im, cube(name))

    for tile in (1001, 1002, 1011):
        v.png(f"udim/skin.{tile}.png")
        v.required(f"udim/skin.{tile}.png", "udim", NAME + " + ImageTile.tile_number")
    tiled("skin", "//udim/skin.<UDIM>.png", (1001, 1002, 1011))
    for path, why in [("udim/skin.1003.png", "matches the pattern, tile not in the data-block"), ("udim/skin.999.png", "no UDIM number")]:
        v.png(path)
        v.optional(path, "udim", why)
    v.png("udim/skin.backup.png")
    v.forbidden("udim/skin.backup.png", "not a tile")

    for tile in ("u1_v1", "u2_v1", "u1_v2"):
        v.png(f"udim/hide.{tile}.png")
        v.required(f"udim/hide.{tile}.png", "udim", NAME + " + ImageTile.tile_number")
    tiled("hide", "//udim/hide.<UVTILE>.png", (1001, 1002, 1011))

    v.png("udim/1012/mid.1012.v02.png")
    tiled("mid", "//udim/1012/mid.<UDIM>.v02.png", (1012,))
    v.required("udim/1012/mid.1012.v02.png", "udim", NAME, "token mid-name, in a folder that looks like a tile; no tile 1001")

    v.png("udim/part.1001.png")
    tiled("part", "//udim/part.<UDIM>.png", (1001, 1002))
    v.required("udim/part.1001.png", "udim", NAME)
    v.missing("udim/part.1002.png", "udim", NAME, "a tile of the image, of which others are there")
    v.optional("udim/part.1001.png.txt", "decoy", "longer than the pattern")
    kit.write(v.at("udim/part.1001.png.txt"), "not a tile")
    tiled("gone", "//udim/gone.<UDIM>.png", (1001,))
    v.missing("udim/gone.<UDIM>.png", "udim", NAME, "no tile at all is there")
    v.save()
    v.finish()


def udim_folders():
    """The token of a tiled image may stand in the names of folders. Without one, all tiles show one file."""
    v = Vector("50-udim-folders", main="shots/main.blend")

    def tiled(name, path):
        im = image(name, path, "TILED")
        im.tiles.new(tile_number=1002)
        material(name, im, cube(name))

    field = NAME + " + ImageTile.tile_number"
    for tile in (1001, 1002):
        v.png(f"tex/{tile}/skin.png")
        v.required(f"tex/{tile}/skin.png", "udim", field, "the token is a folder")
        v.png(f"shots/u{tile}/a/b.{tile}.png")
        v.required(f"shots/u{tile}/a/b.{tile}.png", "udim", field, "the token is in a folder's name, and again in the file's")
    tiled("folder", "//..\\tex\\<UDIM>\\skin.png")
    tiled("twice", "//u<UDIM>/a/b.<UDIM>.png")
    for tile in ("u1_v1", "u2_v1"):
        v.png(f"shots/{tile}/c.png")
        v.required(f"shots/{tile}/c.png", "udim", field)
    tiled("uvtile", "//<UVTILE>/c.png")
    tiled("gone", "//gone/<UDIM>/d.png")
    v.missing("shots/gone/<UDIM>/d.png", "udim", field)

    for tile in (1001, 1002):
        v.png(f"shots/plain.{tile}.png")
    tiled("plain", "//plain.1001.png")
    v.required("shots/plain.1001.png", "udim", field)
    v.forbidden("shots/plain.1002.png", "no token: from 3.1 on Blender opens the same file for each tile")
    v.save()
    v.finish()


def sequence():
    v = Vector("08-image-sequence")
    bpy.context.scene.frame_end = 5

    def seq(name, path, start=1, duration=5, offset=0, cyclic=False):
        _, node = material(name, image(name, path, "SEQUENCE"), cube(name))
        user = node.image_user
        user.frame_start, user.frame_duration, user.frame_offset = start, duration, offset
        user.use_cyclic, user.use_auto_refresh = cyclic, True

    field = NAME + " + ImageUser"
    for n in range(1, 6):
        v.png(f"seq/shot_{n:04}.png")
        v.required(f"seq/shot_{n:04}.png", "image-sequence", field)
    seq("shot", "//seq/shot_0001.png")
    for path in ("seq/shot_0006.png", "seq/shot_0099.png"):
        v.png(path)
        v.optional(path, "image-sequence", "same sequence, outside every ImageUser's range")
    for path in ("seq/shot_0001_bak.png", "seq/shot_001.png", "seq/shot_alt_0001.png", "seq/xshot_0001.png", "seq/shot_00001.png"):
        v.png(path)
        v.forbidden(path, "other stem, padding or suffix: Blender never opens it")
    kit.hdr(v.at("seq/shot_0001.hdr"))
    v.forbidden("seq/shot_0001.hdr", "other suffix: Blender never opens it")

    for n in (8, 9, 11, 12):
        v.png(f"seq2/f{n:02}.png")
        v.required(f"seq2/f{n:02}.png", "image-sequence", field, "a hole at 10; the name is of a frame in the middle")
    seq("hole", "//seq2/f09.png", offset=7)
    v.missing("seq2/f10.png", "image-sequence", field, "a frame that the scene shows is not there")

    for n in (1, 2, 3):
        v.png(f"seq3/r.{n:03}.beauty.png")
        v.required(f"seq3/r.{n:03}.beauty.png", "image-sequence", field, "the number stands mid-name")
    seq("mid", "//seq3/r.001.beauty.png", duration=3)

    for n in (9, 10, 11):
        v.png(f"seq4/n{n}.png")
        v.required(f"seq4/n{n}.png", "image-sequence", field, "a number that outgrows its padding")
    seq("grow", "//seq4/n9.png", duration=3, offset=8)

    for n in (1, 2):
        kit.write(v.at(f"seq5/t{n}.jp2"), b"\x00\x00\x00\x0cjP  \r\n\x87\n")
        v.required(f"seq5/t{n}.jp2", "image-sequence", field, "the digit of the suffix is no frame number")
    kit.write(v.at("seq5/t1.jp3"), "decoy")
    v.forbidden("seq5/t1.jp3", "the suffix does not count up")
    seq("suffix", "//seq5/t1.jp2", duration=2)

    for n in (1, 2):
        v.png(f"v001/plate.{n:04}.png")
        v.png(f"v002/plate.{n:04}.png")
        v.required(f"v001/plate.{n:04}.png", "image-sequence", field, "the folder's number does not count up")
        v.forbidden(f"v002/plate.{n:04}.png", "another version of the folder")
    seq("folder", "//v001/plate.0001.png", duration=2)

    v.png("single/img_0001.png")
    v.png("single/img_0002.png")
    image("single", "//single/img_0001.png")
    v.required("single/img_0001.png", "image", NAME)
    v.forbidden("single/img_0002.png", "the image's source is one file")
    seq("gone", "//seq/gone_0001.png")
    v.missing("seq/gone_0001.png", "image-sequence", field, "no frame of it is there")
    v.save()
    v.finish()


def users():
    """One image for each kind of data-block that can use one."""
    v = Vector("09-image-users")
    scene = bpy.context.scene

    def im(name, why, source="FILE"):
        path = f"users/{name}.png"
        v.required(path, "image", NAME, why)
        out = image(name, v.png(path), source, fake_user=False)
        return out

    world = bpy.data.worlds.new("World")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes.new("ShaderNodeTexEnvironment").image = im("world", "environment of a world")

    sun = bpy.data.lights.new("Sun", "SUN")
    sun.use_nodes = True
    sun.node_tree.nodes.new("ShaderNodeTexImage").image = im("light", "nodes of a light")
    add_object("Sun", sun)

    camera = bpy.data.cameras.new("Camera")
    scene.camera = add_object("Camera", camera)
    camera.background_images.new().image = im("camera", "background of a camera")

    empty = add_object("Empty")
    empty.empty_display_type = "IMAGE"
    empty.data = im("empty", "image empty")

    def texture(name, why):
        tex = bpy.data.textures.new(name, "IMAGE")
        tex.image = im(name, why)
        return tex

    ob = cube("Displaced")
    ob.modifiers.new("Displace", "DISPLACE").texture = texture("displace", "texture of a modifier")
    ob.modifiers.new("Weights", "VERTEX_WEIGHT_EDIT").mask_texture = texture("weights", "mask texture of a modifier")
    system = ob.modifiers.new("Particles", "PARTICLE_SYSTEM").particle_system
    system.settings.texture_slots.add().texture = texture("particles", "texture of particle settings")

    brush = bpy.data.brushes.new("Brush", mode="TEXTURE_PAINT")
    brush.use_fake_user = True
    brush.texture = texture("brush", "texture of a brush")
    brush.mask_texture = texture("brush_mask", "mask texture of a brush")

    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    group.nodes.new("ShaderNodeTexImage").image = im("group", "in a node group in a material")
    mat, _ = material("Grouped", None, ob)
    mat.node_tree.nodes.new("ShaderNodeGroup").node_tree = group

    nodes = bpy.data.textures.new("Nodes", "NONE")
    nodes.use_nodes = True
    nodes.use_fake_user = True
    nodes.node_tree.nodes.new("TextureNodeImage").image = im("texnodes", "texture nodes")

    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.new("CompositorNodeImage").image = im("compositor", "compositor image node")
    crypto = tree.nodes.new("CompositorNodeCryptomatteV2")
    crypto.source = "IMAGE"
    crypto.image = im("cryptomatte", "compositor cryptomatte node")

    gp_material = bpy.data.materials.new("Pencil")
    bpy.data.materials.create_gpencil_data(gp_material)
    gp_material.grease_pencil.stroke_style = "TEXTURE"
    gp_material.grease_pencil.stroke_image = im("gp_stroke", "stroke of a grease pencil material")
    gp_material.grease_pencil.fill_style = "TEXTURE"
    gp_material.grease_pencil.fill_image = im("gp_fill", "fill of a grease pencil material")
    pencil = bpy.data.grease_pencils.new("Pencil")
    pencil.materials.append(gp_material)
    add_object("Pencil", pencil)

    style = bpy.data.linestyles.new("Line")
    style.use_fake_user = True
    style.texture_slots.add().texture = texture("linestyle", "texture of a line style")

    ob["picture"] = im("idprop", "custom property that points to an image")

    geometry = bpy.data.node_groups.new("Geometry", "GeometryNodeTree")
    geometry.inputs.new("NodeSocketImage", "Picture")
    node = geometry.nodes.new("GeometryNodeImageTexture")
    node.inputs["Image"].default_value = im("geo_socket", "default of a geometry node's image socket")
    modifier = ob.modifiers.new("Geometry", "NODES")
    modifier.node_group = geometry
    modifier[geometry.inputs[0].identifier] = im("geo_input", "image given to a geometry nodes modifier")

    # The same sequence, in a place each that has an ImageUser of its own.
    for n in range(1, 7):
        v.png(f"anim/a_{n:04}.png")
        v.required(f"anim/a_{n:04}.png", "image-sequence", NAME + " + ImageUser", "1-2 in the compositor, 3-4 on an empty, 5-6 behind a camera")
    anim = image("anim", "//anim/a_0001.png", "SEQUENCE", fake_user=False)
    comp = tree.nodes.new("CompositorNodeImage")
    comp.image = anim
    comp.frame_duration, comp.frame_start = 2, 1
    other = add_object("Empty sequence")
    other.empty_display_type = "IMAGE"
    other.data = anim
    for user, offset in [(other.image_user, 2), (camera.background_images.new().image_user, 4)]:
        user.frame_duration, user.frame_start, user.frame_offset = 2, 1, offset
    camera.background_images[1].image = anim
    v.save()
    v.finish()


def outputs():
    """What Blender writes is no dependency, also when it is there from the last render."""
    v = Vector("10-outputs")
    scene = bpy.context.scene
    scene.render.filepath = "//render/frame_0001.png"
    v.png("render/frame_0001.png")
    v.forbidden("render/frame_0001.png", "output of the render")
    scene.use_nodes = True
    node = scene.node_tree.nodes.new("CompositorNodeOutputFile")
    node.base_path = "//passes/"
    node.file_slots[0].path = "beauty_"
    v.png("passes/beauty_0001.png")
    v.forbidden("passes/beauty_0001.png", "output of a file output node")
    canvas = cube("Canvas").modifiers.new("Paint", "DYNAMIC_PAINT")
    canvas.ui_type = "CANVAS"
    bpy.context.view_layer.objects.active = bpy.data.objects["Canvas"]
    bpy.ops.dpaint.type_toggle(type="CANVAS")
    surface = canvas.canvas_settings.canvas_surfaces[0]
    surface.surface_format = "IMAGE"
    surface.image_output_path = "//paint/"
    v.png("paint/paintmap0001.png")
    v.forbidden("paint/paintmap0001.png", "output of dynamic paint")
    v.optional(
        "blendcache_main/43616E766173_000001_00.bphys", "point-cache", "written by Blender when the vector is made"
    )
    brush = bpy.data.brushes.new("Icon", mode="SCULPT")
    brush.use_fake_user = True
    brush.use_custom_icon = True
    brush.icon_filepath = v.png("icons/brush.png")
    v.optional("icons/brush.png", "image", "icon of a brush: shown in the interface only", "Brush.icon_filepath")
    v.save()
    v.finish()


empty()
basic()
not_from_disk()
movie()
stereo()
udim()
udim_folders()
sequence()
users()
outputs()
