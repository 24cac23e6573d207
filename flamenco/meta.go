package flamenco

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// Version returns the Manager's version and name. It is the call to begin with: a URL that is no Manager's
// gives an error that wraps [ErrNotAManager].
func (c *Client) Version(ctx context.Context) (api.FlamencoVersion, error) {
	version, err := get[api.FlamencoVersion](ctx, c, "version")
	if err == nil && version.Version == "" {
		err = c.incomplete(http.MethodGet, "version", "version")
	}
	if failure, ok := errors.AsType[*Error](err); ok && (failure.Status == http.StatusNotFound || errors.Is(err, ErrBadReply)) {
		failure.Err = ErrNotAManager // every Manager has this one
	}
	return version, err
}

// Status returns the status of the farm as a whole.
func (c *Client) Status(ctx context.Context) (api.FarmStatus, error) {
	report, err := get[api.FarmStatusReport](ctx, c, "status")
	return report.Status, needs("getFarmStatus", err)
}

// OpenAPI returns the Manager's own description of its API, as JSON.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, "openapi3.json")
}

// Configuration returns where the Manager keeps job files and whether it takes uploads.
func (c *Client) Configuration(ctx context.Context) (api.ManagerConfiguration, error) {
	return get[api.ManagerConfiguration](ctx, c, "configuration")
}

// ConfigurationFile returns the whole configuration as JSON, with the keys of flamenco-manager.yaml.
func (c *Client) ConfigurationFile(ctx context.Context) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, "configuration", "file")
}

// UpdateConfigurationFile overwrites the configuration file with a JSON object. The Manager does not check
// it, and reads it when it next starts.
func (c *Client) UpdateConfigurationFile(ctx context.Context, config json.RawMessage) error {
	return needs("updateConfigurationFile", c.change(ctx, http.MethodPut, config, "configuration", "file"))
}

// SharedStorage returns the shared storage as one platform ("linux", "windows", "darwin") sees it.
func (c *Client) SharedStorage(ctx context.Context, audience api.ManagerVariableAudience, platform string) (api.SharedStorageLocation, error) {
	return get[api.SharedStorageLocation](ctx, c, "configuration", "shared-storage", string(audience), platform)
}

// Variables returns the Manager's variables as one platform sees them, by name.
func (c *Client) Variables(ctx context.Context, audience api.ManagerVariableAudience, platform string) (api.ManagerVariables, error) {
	return get[api.ManagerVariables](ctx, c, "configuration", "variables", string(audience), platform)
}

// FindBlender makes the Manager look for Blender on its own host.
func (c *Client) FindBlender(ctx context.Context) ([]api.BlenderPathCheckResult, error) {
	return get[api.BlenderPathFindResult](ctx, c, "configuration", "check", "blender")
}

// CheckBlender makes the Manager check a path or command on its own host for being a Blender.
func (c *Client) CheckBlender(ctx context.Context, path string) (api.BlenderPathCheckResult, error) {
	return ask[api.BlenderPathCheckResult](ctx, c, api.PathCheckInput{Path: path}, "configuration", "check", "blender")
}

// CheckSharedStorage makes the Manager check a folder for use as shared storage, by writing a file there.
func (c *Client) CheckSharedStorage(ctx context.Context, path string) (api.PathCheckResult, error) {
	return ask[api.PathCheckResult](ctx, c, api.PathCheckInput{Path: path}, "configuration", "check", "shared-storage")
}

// SaveSetup stores a first configuration; the Manager restarts with it.
func (c *Client) SaveSetup(ctx context.Context, setup api.SetupAssistantConfig) error {
	return c.change(ctx, http.MethodPost, setup, "configuration", "setup-assistant")
}

// ClockDifference is how far the Manager's clock is ahead of ours, to about a second: that is the grain of
// the Date header of its replies (RFC 9110, 6.6.1). Half the round trip is taken off.
func (c *Client) ClockDifference(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	reply, err := c.send(ctx, request{method: http.MethodGet, path: []string{"version"}, harmless: true})
	if err != nil {
		return 0, err
	}
	defer reply.finish()
	now := began.Add(time.Since(began) / 2)
	date, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil {
		return 0, errors.New("the Manager's replies carry no date")
	}
	const half = time.Second / 2 // a date is cut off to whole seconds
	return date.Add(half).Sub(now), nil
}
