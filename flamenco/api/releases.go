package api

import "fmt"

// Release is a release of Flamenco Manager, such as 3.8. Patch levels do not change the API.
type Release struct{ Major, Minor int }

// ParseRelease reads the beginning of a version such as "3.8.5" or "3.9-beta1". ok is false when it has no
// release, as in the "set-during-build" of a Manager that was built without one.
func ParseRelease(version string) (r Release, ok bool) {
	n, _ := fmt.Sscanf(version, "%d.%d", &r.Major, &r.Minor)
	return r, n == 2
}

// Before reports whether r is older than other.
func (r Release) Before(other Release) bool {
	return r.Major < other.Major || r.Major == other.Major && r.Minor < other.Minor
}

func (r Release) String() string { return fmt.Sprintf("%d.%d", r.Major, r.Minor) }

// Latest returns the release whose API the document describes.
func Latest() Release { return Release{3, 9} }

// Addition is something that a release of Flamenco Manager added to the API.
type Addition struct {
	Name    string // an operationId, "Schema.field" or "Schema=value" of the API document
	Since   Release
	Without string // what an older Manager does when it is asked for it
	Loss    string // what flsync cannot do there, as the end of "these will not work:"; "" if it has another way
}

// Additions lists what came after Flamenco 3.3, the oldest release that flsync works with; whatever is not
// listed is older. Source: the API description of each release, and its answers.
func Additions() []Addition {
	return []Addition{
		{"deleteJobMass", Release{3, 4}, `400 "job ID not valid"`, "jobs delete --older-than"},
		{"getFarmStatus", Release{3, 5}, `404 "Not Found"`, "farm status"},
		{"fetchJobs", Release{3, 6}, `400 "method not allowed"; POST /api/v3/jobs/query lists jobs`, ""},
		{"SubmittedJob.initial_status", Release{3, 6}, "is ignored: the job is queued at once", "submit --paused and --hold"},
		{"JobStatus=pause-requested", Release{3, 6}, "400: not one of the allowed values", "pausing after the running tasks"},
		{"TaskSummary.index_in_job", Release{3, 6}, "is absent", ""},
		{"setJobTag", Release{3, 8}, `404 "Not Found"`, "tag changes of jobs"},
		{"updateConfigurationFile", Release{3, 8}, `400 "method not allowed"`, "farm config put"},
		{"Job.steps_total", Release{3, 8}, "is absent, as are all step counts of jobs, tasks and commands", ""},
	}
}

// Since returns the release that added an operation, field or value, or the zero Release for what all have.
func Since(name string) Release {
	for _, addition := range Additions() {
		if addition.Name == name {
			return addition.Since
		}
	}
	return Release{}
}
