# SPDX-License-Identifier: GPL-3.0-or-later
"""flsync.py with the real program: FLSYNC_PROGRAM names it, FLSYNC_MANAGER a Manager. blender_test.go runs it."""

import dataclasses
import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "flsync_addon"))
import flsync  # noqa: E402 (the add-on's copy is the only one)

PROGRAM = flsync.Program(path=os.environ["FLSYNC_PROGRAM"])
PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "testdata", "project")


class Parse(unittest.TestCase):
    def test_events(self):
        for line, want in [
            ('{"type":"progress","stage":"hash","done":1,"total":2}', flsync.Progress),
            ('{"type":"warning","code":"missing-file","path":"/a","message":"m"}', flsync.Warning),
            ('{"type":"summary","ok":true,"exit_code":0}', flsync.Summary),
            ('{"type":"of-tomorrow","x":1}', flsync.Event),
            ('{"name":"no type at all"}', flsync.Event),
        ]:
            with self.subTest(line):
                event = flsync.parse(line)
                self.assertIs(want, type(event))
                self.assertEqual(json.loads(line), event.raw)

    def test_unknown_fields_and_nulls(self):
        event = flsync.parse(b'{"type":"job","name":"n","new":1,"url":null,"raw":5}')
        self.assertEqual(("n", "", 1), (event.name, event.url, event.raw["new"]))

    def test_no_object(self):
        for line in ("", "[1]", "{", "1"):
            with self.subTest(line), self.assertRaises(ValueError):
                flsync.parse(line)


class Flags(unittest.TestCase):
    def test_split(self):
        for text, windows, want in [
            ("", False, []),
            ('--config "/my files/c.yaml" --quiet', False, ["--config", "/my files/c.yaml", "--quiet"]),
            (r"--config /my\ files/c.yaml", False, ["--config", "/my files/c.yaml"]),
            (r'--config "C:\My Files\c.yaml" -q', True, ["--config", r"C:\My Files\c.yaml", "-q"]),
            (r"--cache \\server\share#1\c.db", True, ["--cache", r"\\server\share#1\c.db"]),
        ]:
            with self.subTest(text):
                self.assertEqual(want, flsync.split_flags(text, windows))
        with self.assertRaises(ValueError):
            flsync.split_flags('--config "open')

    def test_wrong_types_are_refused(self):
        for settings in ({"render_output_root": ["/r"]}, {"render_output_root": None}, {"frames": {}}):
            with self.subTest(settings), self.assertRaisesRegex(TypeError, next(iter(settings))):
                flsync.submit("a.blend", settings=settings, program=PROGRAM)
        for call in (lambda: flsync.submit("a.blend", metadata={"k": None}), lambda: flsync.sync(["a", "b"]),
                     lambda: flsync.sync("a", exclude="*.tmp"), lambda: flsync.check(None)):
            with self.assertRaises(TypeError):
                call()

    def test_headers_of_one_line(self):
        for headers in ({"X-A": "1\nX-B: 2"}, {"X-A\r": "1"}):
            with self.subTest(headers), self.assertRaisesRegex(ValueError, "line break"):
                flsync.Program(path=PROGRAM.path, headers=headers).start("jobs list")

    def test_names(self):
        self.assertEqual([], [n for n in flsync.__all__ if not hasattr(flsync, n)])
        self.assertNotIn("Warning", flsync.__all__)
        self.assertRegex(flsync.__version__, r"^\d+\.\d+\.\d+$")

    def test_manager_is_not_in_the_process_list(self):
        program = flsync.Program(path=PROGRAM.path, manager="http://user:secret@127.0.0.1:1")
        run = program.start("jobs list")
        self.assertNotIn("secret", " ".join(run._process.args))
        with self.assertRaises(flsync.UnreachableError):
            run.wait()


def drain(run):
    """The events of a run, whose exit code is of no interest."""
    events = []
    while not run.done:
        events += run.poll()
        time.sleep(0.01)
    return events


class InFolder(unittest.TestCase):
    """What both below need."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, size=1000):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(os.urandom(size))
        return path

    def project(self):
        return shutil.copytree(PROJECT, os.path.join(self.folder, "project"))


class Runs(InFolder):
    def test_submit(self):
        project = self.project()
        shot = os.path.join(project, "shots", "sh010.blend")
        arguments = {"settings": {"render_output_root": "/r", "chunk_size": 3}, "project": project, "program": PROGRAM,
                     "priority": 7, "name": "py {stem}", "metadata": {"who": "test"}}
        events = flsync.submit(shot, **arguments).events()
        self.assertIsInstance(events[0], flsync.Start)
        self.assertIsInstance(events[-1], flsync.Summary)
        (job,) = [e for e in events if isinstance(e, flsync.Job)]
        self.assertEqual(("py sh010", "queued", False), (job.name, job.status, job.skipped))
        (sent,) = [e.raw for e in PROGRAM.start("jobs show", job.id) if e.raw.get("id") == job.id]
        self.assertEqual((7, 3, "test"), (sent["priority"], sent["settings"]["chunk_size"], sent["metadata"]["who"]))

        summary = flsync.submit(shot, **arguments).wait()
        self.assertEqual((True, 0, 1), (summary.ok, summary.exit_code, summary.jobs["skipped"]))

    def test_manifest_as_an_object(self):
        job = {"name": "echo \u00e9", "type": "echo-sleep-test", "settings": {"message": "a=b\nc"}}
        run = flsync.submit(manifest={"version": 1, "jobs": [job]}, dry_run=True, program=PROGRAM)
        (event,) = [e for e in run if isinstance(e, flsync.Job)]
        self.assertEqual("echo \u00e9", event.name)

    def test_upload_only(self):
        project = self.project()
        summary = flsync.submit(os.path.join(project, "shots", "sh030.blend"), project=project, upload_only=True, program=PROGRAM).wait()
        self.assertEqual((0, []), (summary.jobs["total"], list(summary.checkouts)))
        self.assertGreater(summary.files["total"], 1)

    def test_sync(self):
        path = self.file("-dash name é.bin")
        events = flsync.sync(path, checkout="py", program=PROGRAM).events()
        (checkout,) = [e for e in events if isinstance(e, flsync.Checkout)]
        self.assertEqual(("py", 1), (checkout.requested, checkout.files))
        self.assertEqual(1, events[-1].store["uploaded"])

    def test_deps_and_inspect(self):
        project = self.project()
        shot = os.path.join(project, "shots", "sh010.blend")
        found = [e for e in flsync.deps(shot, program=PROGRAM) if isinstance(e, flsync.Dependency)]
        self.assertIn("library", {d.kind for d in found})
        self.assertEqual([], [d.path for d in found if d.missing])
        (blend,) = [e for e in flsync.inspect(shot, program=PROGRAM) if isinstance(e, flsync.Blend)]
        self.assertEqual(shot, blend.path)
        self.assertIn(blend.active_scene, [s["name"] for s in blend.scenes])

    def test_job_types(self):
        names = [e.raw["name"] for e in flsync.job_types(program=PROGRAM)]
        self.assertIn("simple-blender-render", names)

    def test_check(self):
        """Settings are checked by a Manager; the one named "none" is not asked. A lack says who wants the file."""
        project = self.project()
        shot = os.path.join(project, "shots", "sh030.blend")
        nobody = dataclasses.replace(PROGRAM, manager="none")
        codes = {e.code for e in flsync.check(shot, project=project, program=nobody) if isinstance(e, flsync.Lack)}
        self.assertNotIn("wrong-settings", codes)
        for settings, want in (({}, True), ({"render_output_root": "/r"}, False)):
            run = flsync.check(shot, settings=settings, project=project, program=PROGRAM)
            found = {e.code for e in drain(run) if isinstance(e, flsync.Lack)}
            self.assertEqual(want, "wrong-settings" in found, found)
        os.remove(os.path.join(project, "textures", "floor.png"))
        lacks = [e for s in ("sh010", "sh020", "sh030") for e in drain(flsync.check(
            os.path.join(project, "shots", s + ".blend"), project=project, program=nobody)) if isinstance(e, flsync.Lack)]
        missing = next(e for e in lacks if e.code == "missing-file")
        self.assertTrue(missing.id and missing.used_by and missing.remedy, missing)
        self.assertEqual({"blend", "id"}, set(missing.chain[0]))

    def test_poll_never_waits(self):
        run = flsync.sync(self.file("a.bin"), program=PROGRAM)
        for ask in (run.check, run.message, lambda: run.exit_code):
            with self.assertRaisesRegex(RuntimeError, "still running"):
                ask()
        events = []
        while not run.done:
            events += run.poll(limit=1)
        self.assertIsInstance(events[-1], flsync.Summary)
        self.assertEqual([], run.poll())
        run.check()


class Failures(InFolder):
    def raises(self, cls, run, code):
        with self.assertRaises(cls) as caught:
            run.wait()
        self.assertEqual((code, code), (caught.exception.exit_code, caught.exception.summary.exit_code))
        return caught.exception

    def test_usage(self):
        e = self.raises(flsync.UsageError, flsync.submit("none.blend", program=PROGRAM), 2)
        self.assertIn("none.blend", str(e))
        self.assertEqual({"invalid-manifest"}, {x.code for x in e.errors})
        e = self.raises(flsync.UsageError, flsync.sync(self.folder, args=["--no-such-flag"], program=PROGRAM), 2)
        self.assertIn("--no-such-flag", str(e))

    def test_partial(self):
        project = self.project()
        os.remove(os.path.join(project, "textures", "floor.png"))
        run = flsync.deps(os.path.join(project, "shots", "sh010.blend"), missing=True, program=PROGRAM)
        told = []
        with self.assertRaises(flsync.PartialError):
            for event in run:
                told.append(event)
        self.assertEqual(["floor.png"], [os.path.basename(e.path) for e in told if isinstance(e, flsync.Dependency)])

    def test_unreachable(self):
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            program = flsync.Program(path=PROGRAM.path, manager="http://127.0.0.1:%d" % server.server_port)
            self.raises(flsync.UnreachableError, flsync.job_types(program=program), 4)
            server.shutdown()

    def test_cancel(self):
        slow = {"args": ["--limit-upload", "100k"], "program": PROGRAM}
        with flsync.sync(self.file("large.bin", 4 << 20), **slow) as run:
            for event in run:
                if isinstance(event, flsync.Progress) and event.stage == "upload":
                    run.cancel()
                    break
            e = self.raises(flsync.Interrupted, run, 130)
            self.assertTrue(e.summary.raw, "a clean stop has a summary")
        run = flsync.sync(self.file("large2.bin", 4 << 20), **slow)
        run.cancel()  # before it can say anything
        self.raises(flsync.Interrupted, run, 130)

    def test_with_stops_what_runs(self):
        with flsync.sync(self.file("large.bin", 4 << 20), args=["--limit-upload", "100k"], program=PROGRAM) as run:
            next(iter(run))
        self.assertTrue(run.done)
        self.assertEqual(130, run.exit_code)

    def test_not_installed(self):
        with self.assertRaisesRegex(flsync.NotInstalledError, "nowhere"):
            flsync.Program(path="/nowhere/flsync").start("version")

    @unittest.skipIf(os.name == "nt", "no such programs")
    def test_another_program(self):
        """A program that ends well is not flsync for that."""
        for name in ("true", "echo"):
            program = flsync.Program(path=name)
            for run in (flsync.deps("a.blend", program=program), flsync.job_types(program=program)):
                with self.subTest(name), self.assertRaisesRegex(flsync.NotInstalledError, "is not flsync"):
                    run.wait()

    def test_headers_are_in_no_process_list(self):
        program = flsync.Program(path=PROGRAM.path, headers={"X-Token": "secret"})
        self.assertNotIn("secret", repr(program))
        run = flsync.sync(self.file("a.bin"), program=program)
        self.assertNotIn("secret", " ".join(run._process.args))
        run.wait()


if __name__ == "__main__":
    unittest.main()
