# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in Blender with a window: its own timer, the save handler, and how long the window waits.

    blender --factory-startup -P test_window.py -- ZIP PROGRAM MANAGER FOLDER

Each `yield` gives the window back until the condition is true. blender_test.go runs it where there is an X server.
"""

import json
import os
import subprocess
import sys
import time
import traceback

import bpy

ZIP, PROGRAM, MANAGER, FOLDER = sys.argv[sys.argv.index("--") + 1 :]
FILES = 2000


def state():
    return bpy.context.window_manager.flsync


def idle():
    return not state().running


def steps():
    bpy.ops.preferences.addon_install(filepath=ZIP)
    bpy.ops.preferences.addon_enable(module="flsync_addon")
    prefs = bpy.context.preferences.addons["flsync_addon"].preferences
    prefs.program, prefs.manager, prefs.use_offline = PROGRAM, MANAGER, True
    jobtypes = sys.modules["flsync_addon.jobtypes"]
    watch_panel()
    yield after(0.5)
    yield from show_panel()
    yield from picture("first")

    bpy.ops.flsync.refresh()
    assert state().running, "a window does not wait"
    yield idle
    scene = bpy.context.scene
    scene.flsync.job_type = "simple-blender-render"
    render = jobtypes.find("simple-blender-render")
    for s in render.settings:
        if s.key == "render_output_root":
            setattr(jobtypes.fields_of(scene, render), s.attribute, os.path.join(FOLDER, "renders"))

    print("window: after a save the file is sent")
    prefs.upload_after_save = True
    shot = os.path.join(FOLDER, "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=shot)
    assert state().uploading, state().upload_status
    yield lambda: not state().uploading
    assert "At the farm: 1 file" in state().upload_status, state().upload_status

    print("window: saved again while that goes on, and submitted")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="cube")
    assert bpy.data.is_dirty
    saved = os.stat(shot).st_mtime_ns
    bpy.ops.flsync.submit()
    assert os.stat(shot).st_mtime_ns != saved, "it is saved first"
    assert not state().uploading, "and sent once"
    yield idle
    assert state().ok and state().job_url, state().status
    yield from show_panel()
    yield from picture("submitted")

    print("window: what a script changed just now is what is submitted")
    assert not bpy.data.is_dirty
    scene.frame_end = 77  # by a timer: Blender does not mark the file as changed
    bpy.ops.flsync.submit()
    yield idle
    (job,) = [e.raw for e in sys.modules["flsync_addon.preferences"].program().start("jobs show", state().job_id)]
    assert job["settings"]["frames"] == "1-77", job["settings"]

    print("window: the panel saves only what has changed, and a job that is there is not made again")
    saved, first = os.stat(shot).st_mtime_ns, state().job_id
    bpy.ops.flsync.submit("INVOKE_DEFAULT")
    yield idle
    assert (os.stat(shot).st_mtime_ns, state().job_id) == (saved, first), state().status
    yield after(3)
    assert state().job_status == "queued", state().job_status

    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.save_mainfile()  # stops the first upload, and begins anew
    yield lambda: not state().uploading
    yield after(1)
    yield lambda: not state().uploading
    assert "At the farm" in state().upload_status, state().upload_status

    print("window: a sync of %d files" % FILES)
    yield from show_panel()
    many = os.path.join(FOLDER, "many")
    os.mkdir(many)
    for i in range(FILES):
        with open(os.path.join(many, "%04d.bin" % i), "wb") as f:
            f.write(os.urandom(8192))
    state().status = "nothing runs"
    gaps.clear()
    wait = after(3)
    yield lambda: redraw() or wait()
    print("window: while it is only drawn ten times a second, the longest time between two ticks is %.1f ms" % (1000 * max(gaps)))
    yield after(0.2)
    gaps.clear()
    bpy.ops.flsync.sync(directory=many)
    yield idle
    assert state().ok, state().status
    summary = json.loads(state().summary)
    assert summary["store"]["uploaded"] == FILES, summary
    print("window: %d files in %.2f s; %d ticks of a 5 ms timer, the longest time between two %.1f ms"
          % (FILES, summary["duration_s"], len(gaps), 1000 * max(gaps)))

    print("window: canceled, and another file opened meanwhile")
    with open(os.path.join(FOLDER, "large.bin"), "wb") as f:
        f.write(os.urandom(4 << 20))
    os.mkdir(os.path.join(FOLDER, "large"))
    os.rename(os.path.join(FOLDER, "large.bin"), os.path.join(FOLDER, "large", "large.bin"))
    sync = sys.modules["flsync_addon.flsync"].sync
    activity = sys.modules["flsync_addon.activity"]
    program = sys.modules["flsync_addon.preferences"].program()
    activity.begin(activity.Activity("sync", lambda: sync(os.path.join(FOLDER, "large"), args=["--limit-upload", "100k"], program=program)))
    yield lambda: "Sending" in state().status
    yield after(1)
    yield from picture("working")
    bpy.ops.wm.open_mainfile(filepath=shot)
    yield lambda: "Sending" in state().status
    bpy.ops.flsync.cancel()
    yield idle
    assert state().exit_code == 130, state().exit_code

    print("window: a missing file")
    for name in ("lost.png", "plate.0101.png", "wood.png"):
        lost = bpy.data.images.load(lost_image(name))
        lost.use_fake_user = True
        os.remove(lost.filepath_from_user())
    bpy.ops.ed.undo_push(message="image")
    bpy.ops.flsync.submit()
    yield idle
    assert not state().ok and len(state().missing) == 3, state().status
    yield from show_panel()
    yield from picture("missing")
    assert panel["drawn"] and not panel["errors"], panel
    print("window: all steps done")


def lost_image(name):
    image = bpy.data.images.new("lost", 4, 4)
    image.filepath_raw, image.file_format = os.path.join(FOLDER, name), "PNG"
    image.save()
    return image.filepath_raw


def watch_panel():
    """Has our panel open and alone, and counts how often it is drawn and what goes wrong then."""
    ours = sys.modules["flsync_addon.panel"].FLSYNC_PT_submit
    for cls in bpy.types.Panel.__subclasses__():
        if getattr(cls, "bl_context", "") == "output" and cls.is_registered:
            bpy.utils.unregister_class(cls)
    draw = ours.draw

    def watched(self, context):
        try:
            draw(self, context)
            panel["drawn"] += 1
        except Exception:
            panel["errors"].append(traceback.format_exc())

    ours.draw, ours.bl_options = watched, set()
    bpy.utils.register_class(ours)


def show_panel():
    """Turns the largest area into the Output properties, which are there once they have been drawn."""
    area = max(bpy.context.window_manager.windows[0].screen.areas, key=lambda a: a.width * a.height)
    area.type = "PROPERTIES"
    yield after(0.5)
    area.spaces.active.context = "OUTPUT"
    yield after(0.5)


def redraw():
    """Draws what the add-on draws, as often as its timer comes."""
    if time.monotonic() - drawn[0] > 0.1:
        drawn[0] = time.monotonic()
        for area in bpy.context.window_manager.windows[0].screen.areas:
            if area.type == "PROPERTIES":
                area.tag_redraw()


def after(seconds):
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def picture(name):
    """Has a picture taken of the X server's screen, when somebody wants to look: FLSYNC_PICTURES names the folder."""
    folder = os.environ.get("FLSYNC_PICTURES")
    if folder:
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        yield after(0.5)
        subprocess.run(["import", "-window", "root", os.path.join(folder, name + ".png")], check=True)


gaps = []  # seconds between two ticks
drawn = [0.0]
panel = {"drawn": 0, "errors": []}
progress = steps()
condition = [lambda: True]
last = [time.perf_counter()]
deadline = time.monotonic() + 180


def tick():
    now = time.perf_counter()
    gaps.append(now - last[0])
    last[0] = now
    try:
        if time.monotonic() > deadline:
            raise TimeoutError("after 3 minutes: %s; %s" % (state().status, state().upload_status))
        if condition[0]():
            condition[0] = next(progress)
            last[0] = time.perf_counter()  # a step's own work is not the add-on's
    except StopIteration:
        sys.stdout.flush()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)
    return 0.005


bpy.context.preferences.view.show_splash = False  # it would lie over the panel
bpy.app.timers.register(tick, first_interval=0.5, persistent=True)
