// Package page shows a past run to people: as one HTML page that needs nothing else, or as text.
//
// # Basics
//
//	run, err := page.Load(folder, id)  // from the run's log
//	run.Jobs[i].Now = …                // what the Manager says of a job today, if it can be asked
//	err = run.HTML(w)
//	err = run.Text(w)
//
// # Caveats
//
// The page loads nothing from anywhere; pictures are in it. It shows paths and names of the project: it is
// for those who may see the project.
package page
