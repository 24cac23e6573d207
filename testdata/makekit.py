"""What the scripts that make this folder's Blender files have in common.

They run inside Blender (3.4.1 made the files in the tree), for example

    blender -b --factory-startup --python-exit-code 1 -P testdata/make_project.py

Media is written by hand here, so that it is small and comes out the same on
every run. Blend files do not: Blender stores memory addresses in them.
"""

import gzip
import math
import os
import struct
import subprocess
import wave
import zlib

import bpy


def write(path, data):
    """Writes bytes or text, and the folders above it."""
    if isinstance(data, str):
        data = data.encode()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def png(path, color=(200, 80, 40), size=(8, 8), checker=None):
    """Writes a small RGB image: one colour, or a checker board of two."""
    width, height = size
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            other = checker and (x * 4 // width + y * 4 // height) % 2
            rows += bytes(checker if other else color)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(rows), 9)
    write(path, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def hdr(path, top=(0.2, 0.4, 1.0), bottom=(1.0, 0.6, 0.3), size=(16, 8)):
    """Writes a Radiance picture that fades from one colour to another."""
    width, height = size
    out = bytearray(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + f"-Y {height} +X {width}\n".encode())
    for y in range(height):
        t = y / (height - 1)
        rgb = [a + (b - a) * t for a, b in zip(top, bottom)]
        mantissa, exponent = math.frexp(max(rgb))
        scale = mantissa * 256 / max(rgb)
        out += bytes([int(c * scale) for c in rgb] + [exponent + 128]) * width
    write(path, bytes(out))


def wav(path, seconds=0.25, hertz=440, rate=8000):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wave.open(path, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(1)
        w.setframerate(rate)
        w.writeframes(bytes(128 + int(60 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))))


def empty():
    """Starts a file without objects, and with one screen instead of eleven: less to store."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    keep = bpy.context.window.workspace
    bpy.data.batch_remove([w for w in bpy.data.workspaces if w != keep])
    bpy.context.preferences.filepaths.save_version = 0


def save(path, compress=True):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=compress, relative_remap=False)


def link(path, kind, *names, relative=True):
    """Links data-blocks of a library, for example link(path, "collections", "Robot")."""
    with bpy.data.libraries.load(path, link=True, relative=relative) as (_, to):
        setattr(to, kind, list(names))
    return getattr(to, kind)


def movie(path, frames=4, size=(16, 16)):
    """Renders a short film of one colour. Leaves an empty file open."""
    empty()
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    strip = scene.sequence_editor_create().sequences.new_effect("c", "COLOR", 1, frame_start=1, frame_end=frames + 1)
    strip.color = (0.8, 0.3, 0.1)
    r = scene.render
    r.resolution_x, r.resolution_y, r.resolution_percentage = *size, 100
    r.image_settings.file_format = "AVI_JPEG"
    r.use_file_extension = False
    r.filepath = path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bpy.ops.render.render(animation=True)


def decompressed(path):
    """The bytes inside a blend file that Blender 3 compressed. Needs the zstd program."""
    return subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout


def gzip_in_place(path):
    """Compresses a plain blend file as Blender 2.9 did. Later ones still read it."""
    with open(path, "rb") as f:
        data = f.read()
    write(path, gzip.compress(data, 9, mtime=0))
