// Package pack fits a shot into a checkout when some of its files live elsewhere: it finds a place for each
// file, and rewrites the paths in blend files that would lead to nothing there.
//
// A file in the project keeps its path. A file outside of it goes to _outside_project, below which it keeps
// its whole path, so that most paths between such files stay right and are left as they are. Only a path that
// would not lead to its file in the checkout is rewritten, to one that begins with //: absolute paths, and
// relative ones that leave the project. A library that names such a path is rewritten like the shot, and
// keeps its own path.
//
// Begin with a [Planner], on what package deps traced:
//
//	planner, err := pack.NewPlanner(pack.Config{Gate: gate})
//	…
//	plan, err := planner.Together(trace).Plan(0)
//	…
//	for _, f := range plan.Files {
//		send(f.Path, f.Place)
//	}
//	for _, c := range plan.Changed {
//		copy, err := store.Rewritten(ctx, c, digestOf(c.Path))
//		…
//		send(copy, c.Place)
//	}
//
// # Places
//
//	/projects/robot/tex/a.png      tex/a.png                        the project is /projects/robot
//	/mnt/lib/wood.png              _outside_project/mnt/lib/wood.png
//	C:\lib\wood.png                _outside_project/C/lib/wood.png
//	\\server\lib\wood.png          _outside_project/unc/server/lib/wood.png
//
// A place depends on nothing but the path, with two exceptions. Where outside files differ only in case or
// Unicode form, those that come later in the alphabet go to _outside_project/~1, since some file systems hold
// only one of them. And a project that has a folder _outside_project itself gets another with an underscore
// more. Bytes that are not UTF-8, which Shaman's JSON cannot hold, become %XX in the place and in the blend
// file.
//
// # What is left alone
//
// Absolute paths in [Config].Shared, which the farm has already; with RelativeOnly all absolute paths; files
// that the gate holds back; and what does not exist.
//
// # Caveats
//
// A folder (a fluid's cache, proxies) and the names of a sequence are one path
// in the blend file, so all of their files go to one folder. A path that no
// rewriting of its field can make right is an [*UnreachableError].
//
// The blend file is rewritten by its bytes: what Blender would change on saving, it does not change.
package pack
