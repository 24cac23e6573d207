# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in a headless Blender, installed from its zip.

    blender -b --factory-startup --python-exit-code 1 -P test_addon.py -- ZIP PROGRAM MANAGER FOLDER

blender_test.go runs it, with BLENDER_USER_SCRIPTS and a Manager of its own.
"""

import http.server
import json
import os
import random
import sys
import threading
import time
import unittest

import bpy

ZIP, PROGRAM, MANAGER, FOLDER = sys.argv[sys.argv.index("--") + 1 :]
OUT = os.path.join(FOLDER, "renders")


def setUpModule():
    bpy.ops.preferences.addon_install(filepath=ZIP)
    bpy.ops.preferences.addon_enable(module="flsync_addon")
    prefs = bpy.context.preferences.addons["flsync_addon"].preferences
    prefs.program, prefs.manager = PROGRAM, MANAGER


def addon(name):
    return sys.modules["flsync_addon." + name]


def state():
    return bpy.context.window_manager.flsync


def summary():
    return json.loads(state().summary)


def new_shot(name, image=None):
    """A saved shot of a cube with a texture."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 101, 104
    scene.name = "Shot"
    if image:
        texture = bpy.data.images.load(image)
        texture.use_fake_user = True
    folder = os.path.join(FOLDER, "project", "shots")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    return path


def new_image(path):
    """A picture that is like no other."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image = bpy.data.images.new("made", 8, 8)
    image.pixels = [random.random() for _ in range(8 * 8 * 4)]
    image.filepath_raw, image.file_format = path, "PNG"
    image.save()
    return path


def jobs():
    run = addon("preferences").program().start("jobs list")
    return [e.raw for e in run]


class Types(unittest.TestCase):
    def test_fields_follow_the_job_type(self):
        new_shot("types")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.refresh())
        jobtypes = addon("jobtypes")
        self.assertIn("simple-blender-render", [t.name for t in jobtypes.known()])
        scene = bpy.context.scene
        scene.flsync.job_type = "simple-blender-render"
        self.assertEqual("simple-blender-render", scene.flsync.job_type_name)
        render = jobtypes.find(scene.flsync.job_type)
        by_key = {s.key: s for s in render.settings}
        self.assertNotIn("blendfile", by_key, "seen on the web only")
        self.assertNotIn("fps", by_key, "hidden")
        self.assertTrue(by_key["frames"].follows)
        self.assertFalse(by_key["render_output_path"].editable)
        fields = jobtypes.fields_of(scene, render)
        self.assertEqual("DIR_PATH", fields.bl_rna.properties[by_key["render_output_root"].attribute].subtype)
        self.assertEqual(32, fields.bl_rna.properties[by_key["add_path_components"].attribute].hard_max)
        self.assertEqual(1, getattr(fields, by_key["chunk_size"].attribute))

    def test_values(self):
        """Every kind of setting; one that follows the scene is sent only when it is overridden."""
        new_shot("values")
        jobtypes = addon("jobtypes")
        before = [t.raw for t in jobtypes.known()]
        self.addCleanup(jobtypes.learn, before, keep=False)
        jobtypes.learn([{"name": "my type!", "settings": [
            {"key": "odd-key", "type": "string", "default": "a"},
            {"key": "odd_key", "type": "int32", "default": 3, "propargs": {"min": -5, "max": 2**40, "step": "x"}},
            {"key": "ratio", "type": "float", "default": 0.1},
            {"key": "on", "type": "bool", "default": True},
            {"key": "pick", "type": "string", "choices": ["x", "y"], "default": "y"},
            {"key": "empty", "type": "string"},
            {"key": "frames", "type": "string", "eval": "1"},
            {"key": "fixed", "type": "string", "eval": "1", "editable": False},
            {"key": "web", "type": "string", "default": "no", "visible": "web"},
        ]}], keep=False)
        scene = bpy.context.scene
        kind = jobtypes.find("my type!")
        want = {"odd-key": "a", "odd_key": 3, "ratio": 0.1, "on": True, "pick": "y"}
        self.assertEqual(want, kind.values(scene))
        fields = jobtypes.fields_of(scene, kind)
        by_key = {s.key: s for s in kind.settings}
        setattr(fields, by_key["frames"].override, True)
        setattr(fields, by_key["frames"].attribute, "1-3")
        setattr(fields, by_key["odd_key"].attribute, -99)
        self.assertEqual({**want, "frames": "1-3", "odd_key": -5}, kind.values(scene))

    def test_scene_keeps_its_values(self):
        path = new_shot("keeps")
        scene = bpy.context.scene
        bpy.ops.flsync.refresh()
        jobtypes = addon("jobtypes")
        render = jobtypes.find("simple-blender-render")
        chunk = next(s for s in render.settings if s.key == "chunk_size").attribute
        setattr(jobtypes.fields_of(scene, render), chunk, 7)
        jobtypes.learn([t.raw for t in jobtypes.known()])
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.open_mainfile(filepath=path)
        render = jobtypes.find("simple-blender-render")
        self.assertEqual(7, render.values(bpy.context.scene)["chunk_size"])


class Submit(unittest.TestCase):
    def setUp(self):
        texture = new_image(os.path.join(FOLDER, "project", "textures", self._testMethodName + ".png"))
        self.path = new_shot(self._testMethodName, texture)
        bpy.ops.flsync.refresh()
        scene = bpy.context.scene
        scene.flsync.job_type = "simple-blender-render"
        scene.flsync.project = os.path.join(FOLDER, "project")
        jobtypes = addon("jobtypes")
        render = jobtypes.find("simple-blender-render")
        root = next(s for s in render.settings if s.key == "render_output_root").attribute
        setattr(jobtypes.fields_of(scene, render), root, OUT)

    def test_shot(self):
        scene = bpy.context.scene
        scene.flsync.job_name, scene.flsync.priority = "from Blender", 61
        scene.frame_end = 120  # not saved by anybody but the operator
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit())
        s = state()
        self.assertTrue(s.ok and not s.running, s.status)
        job = next(j for j in jobs() if j["id"] == s.job_id)
        self.assertEqual(("from Blender", 61, "simple-blender-render"), (job["name"], job["priority"], job["type"]))
        self.assertEqual("101-120", job["settings"]["frames"])
        self.assertEqual("Shot", job["settings"]["scene"])
        self.assertTrue(job["settings"]["render_output_path"].startswith(OUT + "/from Blender/"))
        self.assertTrue(job["settings"]["blendfile"].endswith("/shots/test_shot.blend"), job["settings"])
        self.assertTrue(s.job_url.endswith("/jobs/" + s.job_id))
        self.assertEqual((2, 1), (summary()["store"]["uploaded"], summary()["jobs"]["submitted"]))

        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(save=False))  # the same again
        self.assertIn("there already", state().status)
        self.assertEqual(1, summary()["jobs"]["skipped"])

    def test_arguments_go_before_fields(self):
        bpy.ops.flsync.submit(
            settings=json.dumps({"frames": "1-2", "chunk_size": 2}), job_name="hook", priority=3, paused=True)
        job = next(j for j in jobs() if j["id"] == state().job_id)
        self.assertEqual(("hook", 3, "paused"), (job["name"], job["priority"], job["status"]))
        self.assertEqual(("1-2", 2), (job["settings"]["frames"], job["settings"]["chunk_size"]))

    def test_outside_and_absolute(self):
        """A texture elsewhere, under an absolute path, travels with the shot."""
        self.path = new_shot("outside", new_image(os.path.join(FOLDER, "elsewhere", "brick.png")))
        bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT}), project=os.path.join(FOLDER, "project"))
        self.assertEqual([2], [c["files"] for c in summary()["checkouts"]])
        self.assertEqual(1, summary()["jobs"]["submitted"])

    def test_missing_files_stop(self):
        lost = bpy.data.images["test_missing_files_stop.png"].filepath_from_user()
        os.remove(lost)
        with self.assertRaisesRegex(RuntimeError, "missing: .*test_missing_files_stop.png"):
            bpy.ops.flsync.submit()
        s = state()
        self.assertFalse(s.ok)
        self.assertEqual([lost], [m.path for m in s.missing])
        self.assertIn("test_missing_files_stop.png", s.missing[0].message)
        self.assertEqual(0, summary()["store"]["uploaded"], "nothing is sent")

        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(missing="SEND"))
        self.assertEqual(1, summary()["jobs"]["submitted"])
        self.assertEqual([lost], [m.path for m in state().missing])

    def test_check(self):
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.check())
        self.assertEqual(("Nothing is missing", 0), (state().status, len(state().missing)))
        lost = bpy.data.images["test_check.png"].filepath_from_user()
        os.remove(lost)
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.check())
        self.assertEqual([lost], [m.path for m in state().missing])
        self.assertTrue(state().ok)

    def test_dry_run(self):
        before = len(jobs())
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(dry_run=True))
        self.assertIn("Would send", state().status)
        self.assertEqual(before, len(jobs()))

    def test_sync_first(self):
        """What was sent before need not be sent in the evening."""
        before = len(jobs())
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.sync())
        self.assertEqual((before, 2), (len(jobs()), summary()["store"]["uploaded"]))
        bpy.ops.flsync.submit(save=False)
        self.assertEqual((0, 1), (summary()["store"]["uploaded"], summary()["jobs"]["submitted"]))

    def test_sync_whole_project(self):
        with open(os.path.join(FOLDER, "project", "notes.txt"), "w", encoding="utf-8") as f:
            f.write("for nobody's render")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.sync(whole=True))
        self.assertGreaterEqual(summary()["store"]["uploaded"], 3)

    def test_project_of_the_preferences(self):
        prefs = bpy.context.preferences.addons["flsync_addon"].preferences
        self.addCleanup(setattr, prefs, "project", "")
        project_of = addon("properties").project_of
        scene = bpy.context.scene
        scene.flsync.project = ""
        prefs.project = os.path.join(FOLDER, "project")
        self.assertEqual(prefs.project, project_of(scene, self.path))
        prefs.project = os.path.join(FOLDER, "proj")  # the beginning of its name, but another folder
        self.assertEqual("", project_of(scene, self.path))


class Trouble(unittest.TestCase):
    def setUp(self):
        new_shot("trouble")
        self.prefs = bpy.context.preferences.addons["flsync_addon"].preferences
        self.addCleanup(setattr, self.prefs, "program", PROGRAM)
        self.addCleanup(setattr, self.prefs, "manager", MANAGER)

    def fails(self, pattern, operator, **arguments):
        with self.assertRaisesRegex(RuntimeError, pattern):
            operator(**arguments)
        self.assertFalse(state().running)

    def test_no_program(self):
        self.prefs.program = "/nowhere/flsync"
        self.fails("was not found", bpy.ops.flsync.check)

    def test_no_manager(self):
        """Something else answers at its address."""

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.prefs.manager = "http://127.0.0.1:%d" % server.server_port
            self.fails("127.0.0.1", bpy.ops.flsync.submit, settings='{"render_output_root": "/r"}')
            server.shutdown()
        self.assertEqual(4, state().exit_code)

    def test_setting_that_the_farm_refuses(self):
        self.fails("chunk_size", bpy.ops.flsync.submit, settings='{"render_output_root": "/r", "chunk_size": "many"}')
        self.assertEqual(2, state().exit_code)

    def test_settings_that_are_no_object(self):
        self.fails("JSON object", bpy.ops.flsync.submit, settings="[1]")
        self.fails("Expecting", bpy.ops.flsync.submit, settings="{")

    def test_never_saved(self):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        self.fails("Save the file first", bpy.ops.flsync.submit)


class Background(unittest.TestCase):
    """What a window does, with its timer called from a loop."""

    def setUp(self):
        self.path = new_shot(self._testMethodName)
        self.activity = addon("activity")

    def drive(self, until=lambda: False):
        """Calls the timer until it has no more to do. Returns the longest time that it took, in seconds."""
        longest = 0.0
        while True:
            begun = time.perf_counter()
            again = self.activity.tick()
            longest = max(longest, time.perf_counter() - begun)
            if again is None or until():
                return longest
            time.sleep(0.005)

    def start(self, *paths, args=()):
        flsync = addon("flsync")
        run = flsync.sync(*paths, no_checkout=True, args=args, program=addon("preferences").program())
        self.activity.begin(self.activity.Activity("sync", run))

    def test_many_files(self):
        folder = os.path.join(FOLDER, "many")
        os.makedirs(folder)
        for i in range(2000):
            with open(os.path.join(folder, "%04d.bin" % i), "wb") as f:
                f.write(os.urandom(8192))
        self.start(folder)
        self.assertTrue(state().running)
        factors = []
        longest = self.drive(lambda: factors.append(state().factor))
        self.assertEqual(sorted(factors), factors)
        self.assertTrue(state().ok, state().status)
        self.assertEqual(2000, summary()["store"]["uploaded"])
        print("\n2000 files: %.2f s, %d ticks, the longest %.1f ms" % (summary()["duration_s"], len(factors), 1000 * longest))

    def test_cancel(self):
        with open(os.path.join(FOLDER, "large.bin"), "wb") as f:
            f.write(os.urandom(4 << 20))
        self.start(os.path.join(FOLDER, "large.bin"), args=["--limit-upload", "100k"])
        self.drive(lambda: "Sending" in state().status)
        self.assertFalse(bpy.ops.flsync.submit.poll(), "one at a time")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.cancel())
        self.assertEqual("Stopping…", state().status)
        self.drive()
        self.assertEqual((False, False, 130), (state().running, state().ok, state().exit_code))
        self.assertFalse(bpy.ops.flsync.cancel.poll())
        self.assertTrue(bpy.ops.flsync.submit.poll())

    def test_upload_after_save(self):
        handlers = addon("handlers")
        self.assertIn(handlers.after_save, bpy.app.handlers.save_post)
        handlers.upload(self.path)
        self.assertTrue(state().uploading)
        self.assertTrue(bpy.ops.flsync.submit.poll(), "an upload is in nobody's way")
        self.drive()
        self.assertFalse(state().uploading)
        self.assertIn("1 file sent", state().upload_status)
        bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT}), save=False)
        self.assertEqual((0, 1), (summary()["store"]["uploaded"], summary()["jobs"]["submitted"]))

    def test_unregister_while_at_work(self):
        with open(os.path.join(FOLDER, "large2.bin"), "wb") as f:
            f.write(os.urandom(4 << 20))
        self.start(os.path.join(FOLDER, "large2.bin"), args=["--limit-upload", "100k"])
        run = self.activity.current().run
        bpy.ops.preferences.addon_disable(module="flsync_addon")
        try:
            self.assertFalse(hasattr(bpy.types.Scene, "flsync_settings"))
            self.assertFalse(hasattr(bpy.types.Scene, "flsync"))
            while not run.done:
                run.poll()
                time.sleep(0.01)
            self.assertEqual(130, run.exit_code)
        finally:
            setUpModule()


if __name__ == "__main__":
    result = unittest.main(argv=["test_addon", "-v"], exit=False).result
    sys.stdout.flush()
    if not result.wasSuccessful() or not result.testsRun:
        raise SystemExit(1)
