"""Makes testdata/project: three shots of a small robot.

    blender -b --factory-startup --python-exit-code 1 -P testdata/make_project.py

The shots link one library, use a UDIM set, an image sequence, single images
and a sound, and render in seconds with Cycles on a CPU.
"""

import os
import shutil
import sys

import bpy

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from makekit import empty, hdr, link, png, save, wav  # noqa: E402

TREE = os.path.join(HERE, "project")
# It is made here and copied into the tree when it is whole: blend files hold the
# absolute path that they were saved under.
ROOT = "/tmp/flsync-project"


def at(*parts):
    return os.path.join(ROOT, *parts)


def media():
    png(at("textures", "robot.1001.png"), (60, 120, 200), (32, 32), checker=(240, 240, 240))
    png(at("textures", "robot.1002.png"), (200, 60, 60), (32, 32), checker=(40, 40, 40))
    png(at("textures", "floor.png"), (120, 110, 100), (64, 64), checker=(90, 80, 70))
    for n in range(1, 9):
        png(at("textures", "screen", f"screen_{n:04}.png"), (30 * n, 255 - 30 * n, 90), (16, 9))
    hdr(at("textures", "sky.hdr"))
    wav(at("audio", "beep.wav"))


def textured(name, path, source="FILE"):
    """A material whose colour is an image; path is relative to the blend file, with //."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.new(name, 8, 8)
    texture.image.source = source
    texture.image.filepath = path
    material.node_tree.links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return material, texture


def add_object(name, data, location=(0, 0, 0), rotation=(0, 0, 0), collection=None):
    ob = bpy.data.objects.new(name, data)
    ob.location, ob.rotation_euler = location, rotation
    (collection or bpy.context.scene.collection).objects.link(ob)
    return ob


def grid(name, size, u_tiles=1):
    """A square in the XY plane whose UVs span the given number of UDIM tiles."""
    mesh = bpy.data.meshes.new(name)
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    mesh.from_pydata([(x * size, y * size, 0) for x, y in corners], [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    for loop, (x, y) in zip(layer.data, corners):
        loop.uv = ((x + 1) / 2 * u_tiles, (y + 1) / 2)
    return mesh


def robot():
    empty()
    save(at("lib", "robot.blend"))  # so that // means something
    collection = bpy.data.collections.new("Robot")
    bpy.context.scene.collection.children.link(collection)
    material, texture = textured("RobotPaint", "//../textures/robot.<UDIM>.png", "TILED")
    texture.image.tiles.new(tile_number=1002)
    mesh = grid("RobotBody", 1, u_tiles=2)
    mesh.materials.append(material)
    add_object("RobotBody", mesh, (0, 0, 1), (1.4, 0, 0), collection)
    save(at("lib", "robot.blend"))


def shot(name, frames, engine_samples=4):
    empty()
    save(at("shots", name + ".blend"))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = frames
    scene.frame_set(frames[0])
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 64, 36, 100
    render.fps = 24
    render.image_settings.file_format = "PNG"
    render.filepath = f"//../render/{name}/######"
    scene.cycles.device = "CPU"
    scene.cycles.samples = engine_samples
    scene.cycles.max_bounces = 2
    scene.cycles.use_denoising = False

    camera = bpy.data.cameras.new("Camera")
    camera.lens = 28
    scene.camera = add_object("Camera", camera, (0, -5, 1.6), (1.45, 0, 0))
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy = 3
    add_object("Sun", sun, (0, 0, 4), (0.6, 0.3, 0))
    floor = grid("Floor", 4)
    floor.materials.append(textured("Floor", "//../textures/floor.png")[0])
    add_object("Floor", floor)

    (collection,) = link(at("lib", "robot.blend"), "collections", "Robot")
    instance = bpy.data.objects.new("Robot", None)
    instance.instance_type = "COLLECTION"
    instance.instance_collection = collection
    scene.collection.objects.link(instance)
    for frame, x in zip(frames, (-1, 1)):
        instance.location.x = x
        instance.keyframe_insert("location", frame=frame)
    return scene


def sh010():
    scene = shot("sh010", (1, 12))
    strip = scene.sequence_editor_create().sequences.new_sound("beep", "//../audio/beep.wav", channel=1, frame_start=3)
    strip.volume = 0.5
    save(at("shots", "sh010.blend"))


def sh020():
    scene = shot("sh020", (101, 108))
    mesh = grid("Screen", 1)
    material, texture = textured("Screen", "//../textures/screen/screen_0001.png", "SEQUENCE")
    user = texture.image_user
    user.frame_start, user.frame_duration, user.use_auto_refresh = 101, 8, True
    mesh.materials.append(material)
    add_object("Screen", mesh, (1.5, 1, 1.5), (1.57, 0, 0))
    scene.render.image_settings.color_mode = "RGB"
    save(at("shots", "sh020.blend"))


def sh030():
    scene = shot("sh030", (1001, 1010))
    world = bpy.data.worlds.new("Sky")
    world.use_nodes = True
    sky = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
    sky.image = bpy.data.images.new("Sky", 8, 8)
    sky.image.source = "FILE"
    sky.image.filepath = "//../textures/sky.hdr"
    world.node_tree.links.new(sky.outputs["Color"], world.node_tree.nodes["Background"].inputs["Color"])
    scene.world = world
    save(at("shots", "sh030.blend"))


shutil.rmtree(ROOT, ignore_errors=True)
media()
robot()
sh010()
sh020()
sh030()
shutil.copytree(ROOT, TREE, dirs_exist_ok=True)
shutil.rmtree(ROOT)
