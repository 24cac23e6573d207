// Package gate decides which files may leave this machine. It is the one place with that decision: whatever
// reads or sends a file asks a [Gate], or is handed what one has decided.
//
// # What may leave
//
// Files come by three ways. A listing walks a tree: sync, sync --watch, submit --all, and a manifest's
// files:, which are a filter over the walked project. A name stands in a blend file. What a person names on
// the command line, a blend file or a single file to sync, is sent without being asked about.
//
//	                                      listed           named by a blend file    named, in a guessed project
//	exclude, --exclude                    left out         left out, told           left out, told
//	named by .flsyncignore                left out         held back                held back
//	folders of version control systems    left out         held back                held back
//	backups (x.blend1), litter            left out         sent                     as its contents
//	hidden files and folders (.x)         sent             sent                     held back
//	not what its name says ([sniff.Sample.Is])  sent       sent                     held back
//	pipes, sockets, devices               left out, told   held back                held back
//	links that stay in the project        sent             sent                     sent
//	links that lead out of it             left out, told   as a file outside        as a file outside
//
// The first row that applies decides. In a listing of a guessed project (submit --all without --project) the
// last column holds. A project is guessed when neither --project nor a manifest names it: it is then the
// folder of the blend file, which may well be a home folder or a folder of downloads.
//
//	outside of the project                media (default)  all                      deny
//	below one of outside_roots            sent             sent                     sent
//	on another computer, [Policy.Reach]    not looked at  sent                     not looked at
//	in a hidden folder                    held back        sent                     held back
//	media, by its name and first bytes    sent             sent                     held back
//	anything else                         held back        sent                     held back
//
// What is held back is told with the file that names it, and makes the run end as partly done.
//
// # Check and use
//
// A decision is about a file, not about a path. [File].Info identifies what was decided on, and package
// openfile compares it with what is opened for hashing, sniffing and sending. If another file is there,
// [Gate.Renew] decides again. Files of the project are looked at below an [os.Root], so a folder that is
// swapped for a link does not lead elsewhere.
//
// A hard link to a file outside of the project cannot be told from a file of the project.
package gate
