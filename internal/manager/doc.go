// Package manager is a Flamenco Manager in one [http.Handler]: small enough for a test, whole enough to run a
// farm of a few machines. It serves the tests, `flsync serve` and `--manager embedded`.
//
// # Basics
//
// [New] opens a Manager on a folder, [Manager.ServeHTTP] answers, [Manager.Close] ends it. [Manager.Serve]
// does the same on a listener with a clean shutdown. [Manager.CheckoutDir] returns where checkouts lie on
// disk.
//
//	m, err := manager.New(manager.Config{Dir: t.TempDir()})
//	server := httptest.NewServer(m)
//
// It answers the API that flamenco/api describes and behaves as Flamenco Manager 3.9 does, its oddities
// included, so that a client that works here works there. Each measured oddity has a test in facts_test.go or
// managertest.
//
// For tests it shows faults of the real Manager that come now and then, see [Faults].
//
// # Where things are
//
//   - manager.go, routes.go, respond.go: the way of a request
//   - store.go, tx.go: the state, in memory and in bbolt
//   - machine.go, schedule.go, workertask.go: what becomes of jobs and tasks
//   - blobs.go, upload.go, checkout.go: Shaman
//
// # Caveats
//
// It has no users and no passwords (only workers have secrets), as the real one: keep it on loopback, or
// behind a proxy with a login. Other accounts of the machine can use it, too. It refuses requests that a web
// page elsewhere makes a browser send.
//
// What it answers was written to the database before, so the state is consistent after the process is killed.
// Power cuts are another matter: without [Config.Durable] the last second may be missing or, at worst, the
// database damaged.
//
// Where the real Manager is dangerous it differs: it refuses paths that leave a checkout, it runs only a
// Blender that no other account of the machine can change, it looks into no private folder when it checks a
// storage path, and the store stays below [Config.Dir] whatever the configuration says.
package manager
