# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in Blender with a window: its own timer, the save handler, and how long the window waits.

    blender --factory-startup -P test_window.py -- ZIP PROGRAM MANAGER FOLDER

Each `yield` gives the window back until the condition is true. blender_test.go runs it where there is an X server.
"""

import base64
import json
import os
import sys
import time
import traceback
import urllib.request

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
    prefs.program, prefs.manager, prefs.use_offline, prefs.project = PROGRAM, MANAGER, True, FOLDER
    jobtypes = sys.modules["flsync_addon.jobtypes"]
    watch_panel()
    yield after(0.5)
    yield from show_panel()
    yield from picture("first")

    print("window: a program that is not flsync, in words")
    prefs.program = "/bin/true"
    bpy.ops.flsync.refresh()
    yield idle
    assert "is not flsync" in state().status, state().status
    yield from picture("failed")
    prefs.program = PROGRAM

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
    assert "1 of 1 file at the farm already" in state().upload_status, state().upload_status
    yield from picture("ready")

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
    assert "at the farm already" in state().upload_status, state().upload_status

    print("window: a worker has done a part of the job, and sent a picture")
    scene.frame_end, scene.flsync.priority = 3, 90  # before the jobs above
    bpy.ops.flsync.submit()
    yield idle
    yield from picture("submitted")
    work(new_picture(), 1)
    follow = sys.modules["flsync_addon.follow"]
    yield lambda: follow.picture() and state().job_progress > 0
    assert 0.2 < state().job_progress < 0.4, state().job_progress
    yield from picture("rendering")

    print("window: a Manager that is away")
    prefs.manager = "http://127.0.0.1:9"
    bpy.ops.flsync.check()  # which waits longer for it than a submission
    yield lambda: "does not answer, trying again" in state().status
    yield from picture("away")
    bpy.ops.flsync.cancel()
    yield idle
    assert state().outcome == "STOPPED", state().outcome
    yield from picture("stopped")
    prefs.manager = MANAGER

    print("window: a job type that the Manager lacks")
    scene.flsync.job_type_name = "studio-comp"
    yield from picture("lacks")
    scene.flsync.job_type_name = "simple-blender-render"

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
    yield from picture("missing")

    print("window: the check's findings, each with what it is about")
    material = bpy.data.materials["Material"]
    material.use_nodes = True
    material.node_tree.nodes.new("ShaderNodeTexImage").image = lost
    scene = bpy.context.scene
    scene.render.use_border, scene.render.resolution_percentage = True, 50
    bpy.ops.wm.save_mainfile()
    yield lambda: not state().uploading
    scene.render.use_border = False
    bpy.ops.ed.undo_push(message="border")
    bpy.ops.flsync.check()
    yield idle
    codes = {f.code for f in state().findings}
    assert {"render-region", "resolution-percentage", "unsaved"} <= codes, codes
    assert state().outcome == "WARNING", state().outcome
    yield from picture("check")
    finding = next(f for f in state().missing if f.name == "wood.png")
    for o in scene.objects:
        o.select_set(False)
    space = max(bpy.context.window_manager.windows[0].screen.areas, key=lambda a: a.width * a.height)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=space):
        bpy.ops.flsync.finding(code=finding.code, path=finding.path, block=finding.block)
        assert bpy.context.window_manager.clipboard == finding.path
        assert [o.name for o in bpy.context.view_layer.objects.selected] == ["Cube"]
        bpy.ops.flsync.finding(code="few-samples", message="few")
    assert space.spaces.active.context == "RENDER", space.spaces.active.context
    yield from show_panel()
    assert panel["drawn"] and not panel["errors"], panel
    print("window: all steps done")


def lost_image(name):
    image = bpy.data.images.new("lost", 4, 4)
    image.filepath_raw, image.file_format = os.path.join(FOLDER, name), "PNG"
    image.save()
    return image.filepath_raw


def new_picture():
    image = bpy.data.images.new("rendered", 320, 180)
    image.generated_type = "COLOR_GRID"
    image.filepath_raw, image.file_format = os.path.join(FOLDER, "rendered.png"), "PNG"
    image.save()
    with open(image.filepath_raw, "rb") as f:
        return f.read()


def work(rendered, tasks):
    """Does tasks of the Manager's as a worker."""

    def call(path, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(MANAGER + "/api/v3/worker/" + path, data, {"Content-Type": kind, **login})
        with urllib.request.urlopen(request) as reply:
            return json.loads(reply.read() or "null")

    login = {}
    about = {"name": "window", "platform": "linux", "supported_task_types": ["blender", "ffmpeg", "file-management", "misc"]}
    uuid = call("register-worker", {**about, "secret": "not so secret"})["uuid"]
    login["Authorization"] = "Basic " + base64.b64encode((uuid + ":not so secret").encode()).decode()
    call("sign-on", {"name": "window", "software_version": "3.9", "supported_task_types": about["supported_task_types"]})
    call("state-changed", {"status": "awake"})
    for _ in range(tasks):
        task = call("task", {})
        assert task["job"] == state().job_id, task
        call("task/%s/output-produced" % task["uuid"], rendered, "image/png")
        call("task/" + task["uuid"], {"taskStatus": "completed"})


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
    """Turns the largest area into the Output properties, and every narrow one; they are there once they have been drawn."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda a: a.width * a.height)
    if os.environ.get("FLSYNC_PICTURES") and area.type != "PROPERTIES":  # two widths
        with bpy.context.temp_override(window=window, area=area):
            bpy.ops.screen.area_split(direction="VERTICAL", factor=0.34)
    for area in sorted(window.screen.areas, key=lambda a: a.height)[-2:] if os.environ.get("FLSYNC_PICTURES") else [area]:
        if area.type != "PROPERTIES":
            area.type = "PROPERTIES"
            yield after(0.5)
        if area.spaces.active.context != "OUTPUT":
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
    if not folder:
        return
    yield from show_panel()
    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
    yield after(0.5)
    window = bpy.context.window_manager.windows[0]
    areas = sorted(sorted(window.screen.areas, key=lambda a: a.height)[-2:], key=lambda a: a.width)
    for width, area in (("narrow", areas[0]), ("wide", areas[-1])):
        region = next(r for r in area.regions if r.type == "WINDOW")
        wanted = os.path.join(folder, "blender-%d.%d-%s-%s.want" % (*bpy.app.version[:2], name, width))
        with open(wanted + ".part", "w", encoding="utf-8") as f:
            f.write("%dx%d+%d+%d" % (region.width - 20, region.height, region.x, window.height - region.y - region.height))
        os.rename(wanted + ".part", wanted)
        yield lambda: not os.path.exists(wanted)


gaps = []  # seconds between two ticks
drawn = [0.0]
panel = {"drawn": 0, "errors": []}
progress = steps()
condition = [lambda: True]
last = [time.perf_counter()]
deadline = time.monotonic() + 420


def tick():
    now = time.perf_counter()
    gaps.append(now - last[0])
    last[0] = now
    try:
        if time.monotonic() > deadline:
            raise TimeoutError("after 7 minutes: %s; %s" % (state().status, state().upload_status))
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
