"""Vectors of clips, the video sequence editor, sounds, fonts and texts.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/media.py
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, add_object, cube, image, kit, material  # noqa: E402

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
# The beginning of a TrueType font without tables: enough for what looks at a file's first bytes.
FONT = b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
LOADABLE_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def clips():
    v = Vector("12-movie-clips")
    for name in ("shot.avi", "proxied.avi", "unproxied.avi"):
        kit.movie(v.at("clips", name))
        v.required(f"clips/{name}", "movie-clip", "MovieClip.name")
    for n in range(1, 7):
        if n != 5:
            v.png(f"clips/plate/p_{n:03}.png")
            v.required(f"clips/plate/p_{n:03}.png", "movie-clip-sequence", "MovieClip.name + .source", "a hole at 5" if n > 5 else "")
    v.png("clips/plate/p_01.png")
    v.forbidden("clips/plate/p_01.png", "other padding")
    v.png("clips/plate/p_001_old.png")
    v.forbidden("clips/plate/p_001_old.png", "other suffix")
    v.begin()

    def clip(name):
        return bpy.data.movieclips.load(v.at("clips", name))

    shot, plate = clip("shot.avi"), clip("plate/p_001.png")
    assert plate.source == "SEQUENCE"

    proxied = clip("proxied.avi")
    proxied.use_proxy = True
    proxied.use_proxy_custom_directory = True
    proxied.proxy.directory = "//clips/proxies"
    proxied.proxy.build_25 = True
    kit.write(v.at("clips/proxies/proxied.avi/proxy_25.avi"), open(v.at("clips/shot.avi"), "rb").read())
    v.required("clips/proxies/proxied.avi/proxy_25.avi", "movie-clip-proxy", "MovieClip.proxy.dir", "proxies in a folder that the blend file names")
    kit.write(v.at("clips/proxies/other.avi/proxy_25.avi"), "decoy")
    v.optional("clips/proxies/other.avi/proxy_25.avi", "movie-clip-proxy", "in the proxies' folder, but of another clip")

    unproxied = clip("unproxied.avi")
    unproxied.use_proxy = False
    unproxied.use_proxy_custom_directory = True
    unproxied.proxy.directory = "//clips/stale"
    kit.write(v.at("clips/stale/unproxied.avi/proxy_25.avi"), "decoy")
    v.optional("clips/stale/unproxied.avi/proxy_25.avi", "movie-clip-proxy", "the clip has its proxies switched off")

    bpy.ops.wm.save_mainfile()  # so that the paths are made relative below
    for c in (shot, plate, proxied, unproxied):
        c.filepath = "//" + os.path.relpath(c.filepath, v.folder)
        c.use_fake_user = True
    gone = clip("shot.avi")
    gone.name, gone.use_fake_user, gone.filepath = "gone", True, "//clips/gone.avi"
    v.missing("clips/gone.avi", "movie-clip", "MovieClip.name")
    v.save()
    v.finish()


def strips():
    v = Vector("11-vse-images")
    editor = bpy.context.scene.sequence_editor_create()
    seqs = editor.sequences

    def strip(name, folder, names, channel, length=None, within=seqs):
        s = within.new_image(name, os.path.join(folder, names[0]), channel, frame_start=1)
        for n in names[1:]:
            s.elements.append(n)
        s.directory = folder
        return s

    elem = "Strip.dir + StripElem.name"
    plates = [f"pl_{n:04}.png" for n in (1, 2, 3)]
    for n in range(1, 7):
        v.png(f"plates/pl_{n:04}.png")
    strip("run", "//plates/", plates, 1)
    strip("single", "//mix/../plates", ["pl_0004.png"], 2)
    strip("no slash", "//plates", ["pl_0005.png"], 3)
    for n in range(1, 6):
        v.required(f"plates/pl_{n:04}.png", "vse-image", elem, "a folder spelled otherwise" if n > 3 else "")
    v.forbidden("plates/pl_0006.png", "same folder and pattern, but no element of a strip")
    strip("gone", "//plates/", ["pl_0777.png"], 4)
    v.missing("plates/pl_0777.png", "vse-image", "StripElem.name")

    for name in ("alpha.png", "bé ta.png", "sub/in_sub.png"):
        v.png("mix/" + name)
        v.required("mix/" + name, "vse-image", elem, "a list of names that are no sequence")
    strip("mix", "//mix/", ["alpha.png", "bé ta.png", "sub/in_sub.png"], 5)
    v.png("mix/muted.png")
    strip("muted", "//mix/", ["muted.png"], 6).mute = True
    v.required("mix/muted.png", "vse-image", elem, "a muted strip is in the file like any other")

    v.png("at_top.png")
    strip("top", "//", ["at_top.png"], 7)
    v.required("at_top.png", "vse-image", elem, "the folder is // alone")

    for n in range(1, 6):
        v.png(f"trim/t{n}.png")
    trimmed = strip("trim", "//trim/", [f"t{n}.png" for n in range(1, 6)], 8)
    trimmed.frame_offset_start = 1
    trimmed.frame_final_duration = 3
    for n in range(1, 6):
        if 2 <= n <= 4:
            v.required(f"trim/t{n}.png", "vse-image", elem)
        else:
            v.optional(f"trim/t{n}.png", "vse-image", "element trimmed away by the strip's handles")

    meta = seqs.new_meta("meta", 9, 1)
    inner = meta.sequences.new_meta("inner", 1, 1)
    v.png("meta/in_meta.png")
    strip("in meta", "//meta/", ["in_meta.png"], 1, within=inner.sequences)
    v.required("meta/in_meta.png", "vse-image", elem, "in a meta strip within a meta strip")

    other = bpy.data.scenes.new("Other")
    v.png("meta/other_scene.png")
    strip("other", "//meta/", ["other_scene.png"], 1, within=other.sequence_editor_create().sequences)
    v.required("meta/other_scene.png", "vse-image", elem, "in a scene that is not the active one")
    v.save()
    v.finish()


def strip_media():
    v = Vector("13-vse-media")
    for name in ("film.avi", "views_L.avi", "views_R.avi", "in_meta.avi", "behind_clip.avi"):
        kit.movie(v.at("mov", name))
    for name in ("voice.wav", "muted.wav"):
        kit.wav(v.at("audio", name))
    v.begin()
    scene = bpy.context.scene
    scene.render.use_multiview = True
    editor = scene.sequence_editor_create()
    movie = "Strip.dir + StripElem.name"
    editor.sequences.new_movie("film", v.at("mov/film.avi"), 1, 1).filepath = "//mov/film.avi"
    v.required("mov/film.avi", "vse-movie", movie)
    meta = editor.sequences.new_meta("meta", 2, 1)
    meta.sequences.new_movie("in meta", v.at("mov/in_meta.avi"), 1, 1).filepath = "//mov/in_meta.avi"
    v.required("mov/in_meta.avi", "vse-movie", movie, "in a meta strip")
    stereo = editor.sequences.new_movie("stereo", v.at("mov/views_L.avi"), 3, 1)
    stereo.filepath = "//mov/views_L.avi"
    stereo.use_multiview = True
    stereo.views_format = "INDIVIDUAL"
    v.required("mov/views_L.avi", "vse-movie", movie)
    v.required("mov/views_R.avi", "vse-movie", movie, "the other eye: named by the scene's view suffixes")
    gone = editor.sequences.new_movie("gone", v.at("mov/film.avi"), 4, 1)
    gone.filepath = "//mov/gone.avi"
    v.missing("mov/gone.avi", "vse-movie", movie)
    editor.sequences.new_sound("voice", "//audio/voice.wav", 5, 1)
    v.required("audio/voice.wav", "sound", "bSound.name")
    editor.sequences.new_sound("muted", "//audio/muted.wav", 6, 1).mute = True
    v.required("audio/muted.wav", "sound", "bSound.name", "a muted strip")
    clip = bpy.data.movieclips.load(v.at("mov/behind_clip.avi"))
    clip.filepath = "//mov/behind_clip.avi"
    editor.sequences.new_clip("clip", clip, 7, 1)
    v.required("mov/behind_clip.avi", "movie-clip", "MovieClip.name", "a clip strip")
    v.save()
    v.finish()


def strip_proxies():
    v = Vector("14-vse-proxies")
    names = ("dir.avi", "file.avi", "plain.avi", "off.avi")
    for name in names:
        kit.movie(v.at("mov", name))
        v.required(f"mov/{name}", "vse-movie", "Strip.dir + StripElem.name")
    v.begin()
    sequences = bpy.context.scene.sequence_editor_create().sequences
    strips = {}
    for n, name in enumerate(names):
        s = sequences.new_movie(name, v.at("mov", name), n + 1, 1)
        s.filepath = "//mov/" + name
        s.use_proxy = True
        s.proxy.build_25 = True
        strips[name] = s
    proxy = open(v.at("mov/dir.avi"), "rb").read()

    strips["dir.avi"].proxy.use_proxy_custom_directory = True
    strips["dir.avi"].proxy.directory = "//proxies/dir"
    kit.write(v.at("proxies/dir/dir.avi/proxy_25.avi"), proxy)
    v.required("proxies/dir/dir.avi/proxy_25.avi", "vse-proxy", "StripProxy.dir", "a folder that the strip names")

    strips["file.avi"].proxy.use_proxy_custom_file = True
    strips["file.avi"].proxy.filepath = "//proxies/file/small.avi"
    kit.write(v.at("proxies/file/small.avi"), proxy)
    v.required("proxies/file/small.avi", "vse-proxy", "StripProxy.dir + .file", "a file that the strip names")

    kit.write(v.at("mov/BL_proxy/plain.avi/proxy_25.avi"), proxy)
    v.optional("mov/BL_proxy/plain.avi/proxy_25.avi", "vse-proxy", "in the default folder beside the film; a final render uses no proxies")

    strips["off.avi"].proxy.use_proxy_custom_directory = True
    strips["off.avi"].proxy.directory = "//proxies/off"
    strips["off.avi"].use_proxy = False
    kit.write(v.at("proxies/off/off.avi/proxy_25.avi"), proxy)
    v.optional("proxies/off/off.avi/proxy_25.avi", "vse-proxy", "the strip has its proxies switched off")

    editor = bpy.data.scenes.new("Project").sequence_editor_create()
    editor.proxy_storage = "PROJECT"
    editor.proxy_dir = "//project"
    s = editor.sequences.new_movie("plain.avi", v.at("mov/plain.avi"), 1, 1)
    s.filepath = "//mov/plain.avi"
    s.use_proxy = True
    s.proxy.build_25 = True
    kit.write(v.at("project/plain.avi/proxy_25.avi"), proxy)
    v.optional("project/plain.avi/proxy_25.avi", "vse-proxy", "in the folder of all the scene's proxies; a final render uses none", "Editing.proxy_dir")
    v.save()
    v.finish()


def sounds():
    v = Vector("16-sounds")
    for name in ("speaker", "unused", "packed"):
        kit.wav(v.at(f"snd/{name}.wav"))

    def sound(name):
        s = bpy.data.sounds.load(v.at(f"snd/{name}.wav"))
        s.filepath = f"//snd/{name}.wav"
        return s

    speaker = bpy.data.speakers.new("Speaker")
    speaker.sound = sound("speaker")
    add_object("Speaker", speaker)
    v.required("snd/speaker.wav", "sound", "bSound.name", "of a speaker")
    sound("unused").use_fake_user = True
    v.required("snd/unused.wav", "sound", "bSound.name", "kept by a fake user")
    packed = sound("packed")
    packed.pack()
    packed.use_fake_user = True
    v.forbidden("snd/packed.wav", "packed into the blend file")
    gone = sound("unused")
    gone.name, gone.filepath, gone.use_fake_user = "gone", "//snd/gone.wav", True
    v.missing("snd/gone.wav", "sound", "bSound.name")
    v.save()
    v.finish()


def fonts():
    v = Vector("15-fonts")

    def font(name):
        f = bpy.data.fonts.load(LOADABLE_FONT)
        f.name = name
        f.filepath = f"//fonts/{name}.ttf"
        return f

    def text(name):
        curve = bpy.data.curves.new(name, "FONT")
        curve.body = "text"
        add_object(name, curve)
        return curve

    four = text("four")
    for slot in ("", "_bold", "_italic", "_bold_italic"):
        name = "regular" + slot
        kit.write(v.at(f"fonts/{name}.ttf"), FONT)
        setattr(four, "font" + slot, font(name))
        v.required(f"fonts/{name}.ttf", "font", "VFont.name")
    text("builtin")
    text("gone").font = font("gone")
    v.missing("fonts/gone.ttf", "font", "VFont.name")
    kit.write(v.at("fonts/strip.ttf"), FONT)
    sequences = bpy.context.scene.sequence_editor_create().sequences
    sequences.new_effect("title", "TEXT", 1, frame_start=1, frame_end=10).font = font("strip")
    v.required("fonts/strip.ttf", "font", "VFont.name", "of a text strip")
    v.save()
    v.finish()


def packed_font():
    """A font of its own, so that only this file holds one. It is a small one, to keep the file small."""
    v = Vector("17-font-packed")
    small = min((os.path.join(d, f) for d, _, fs in os.walk("/usr/share/fonts") for f in fs if f.endswith((".ttf", ".otf", ".t1", ".pfb"))), key=os.path.getsize)
    f = bpy.data.fonts.load(small)
    f.name = "packed"
    f.pack()
    f.filepath = "//fonts/packed.ttf"
    curve = bpy.data.curves.new("packed", "FONT")
    curve.font = f
    add_object("packed", curve)
    kit.write(v.at("fonts/packed.ttf"), FONT)
    v.forbidden("fonts/packed.ttf", "packed into the blend file")
    v.save()
    v.finish()


def texts():
    v = Vector("25-texts")
    scene = bpy.context.scene

    def external(name):
        kit.write(v.at(f"scripts/{name}.py"), "print('hello')\n")
        t = bpy.data.texts.load(v.at(f"scripts/{name}.py"))
        t.filepath = f"//scripts/{name}.py"
        return t

    external("rig").use_module = True
    v.required("scripts/rig.py", "text", "Text.name", "an external script")
    made = external("made_internal")
    made.filepath = ""
    v.forbidden("scripts/made_internal.py", "the text was made internal")
    internal = bpy.data.texts.load(v.at("scripts/made_internal.py"), internal=True)
    assert not internal.filepath
    bpy.data.texts.new("notes").write("look at //scripts/made_internal.py")
    external("gone")
    os.remove(v.at("scripts/gone.py"))
    v.missing("scripts/gone.py", "text", "Text.name")

    scene.render.use_freestyle = True
    settings = scene.view_layers[0].freestyle_settings
    settings.mode = "SCRIPT"
    settings.modules.new().script = external("contour")
    v.required("scripts/contour.py", "text", "Text.name", "a freestyle script")

    lamp = bpy.data.lights.new("Lamp", "POINT")
    lamp.use_nodes = True
    kit.write(v.at("ies/inside.ies"), "IESNA:LM-63-2002\nTILT=NONE\n")
    node = lamp.node_tree.nodes.new("ShaderNodeTexIES")
    node.mode = "INTERNAL"
    node.ies = bpy.data.texts.load(v.at("ies/inside.ies"))
    node.ies.filepath = "//ies/inside.ies"
    add_object("Lamp", lamp)
    v.required("ies/inside.ies", "text", "Text.name", "an external text used as IES")
    v.save()
    v.finish()


def shader_files():
    v = Vector("26-shader-files")
    ies = "IESNA:LM-63-2002\nTILT=NONE\n1 1000 1 2 1 1 2 -.1 -.1 0\n1 1 1\n0 90\n0\n100 50\n"

    def profile(tree, name, mode="EXTERNAL", optional=None):
        path = f"ies/{name}.ies"
        kit.write(v.at(path), ies)
        node = tree.nodes.new("ShaderNodeTexIES")
        node.mode = "EXTERNAL"
        node.filepath = "//" + path
        node.mode = mode
        if optional:
            v.optional(path, "ies", optional)
        else:
            v.required(path, "ies", "NodeShaderTexIES.filepath", f"in a {name}")
        return node

    ob = cube("ob")
    mat, _ = material("mat", None, ob)
    profile(mat.node_tree, "material")
    profile(mat.node_tree, "stale", "INTERNAL", "the node uses an internal text, the path is a leftover")
    group = bpy.data.node_groups.new("group", "ShaderNodeTree")
    profile(group, "group")
    mat.node_tree.nodes.new("ShaderNodeGroup").node_tree = group
    lamp = bpy.data.lights.new("lamp", "SPOT")
    lamp.use_nodes = True
    profile(lamp.node_tree, "light")
    add_object("lamp", lamp)
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    profile(world.node_tree, "world")
    gone = profile(mat.node_tree, "gone", optional="-")
    v.deps.pop()
    os.remove(v.at("ies/gone.ies"))
    v.missing("ies/gone.ies", "ies", "NodeShaderTexIES.filepath")

    for name, mode in (("foo", "EXTERNAL"), ("stale", "INTERNAL")):
        kit.write(v.at(f"osl/{name}.osl"), "shader foo(output color Cout = 1) { Cout = 0.5; }\n")
        script = mat.node_tree.nodes.new("ShaderNodeScript")
        script.mode = "EXTERNAL"
        script.filepath = f"//osl/{name}.osl"
        script.mode = mode
    v.required("osl/foo.osl", "osl", "NodeShaderScript.filepath")
    v.optional("osl/stale.osl", "osl", "the node uses an internal text, the path is a leftover")
    kit.hdr(v.at("hdri/sky.hdr"))
    world.node_tree.nodes.new("ShaderNodeTexEnvironment").image = image("sky", "//hdri/sky.hdr", fake_user=False)
    v.required("hdri/sky.hdr", "image", "Image.name", "environment of the world")
    v.save()
    v.finish()


clips()
strips()
strip_media()
strip_proxies()
sounds()
fonts()
packed_font()
texts()
shader_files()
