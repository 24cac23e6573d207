// Package api holds the data types of the Flamenco Manager's HTTP interface, and the OpenAPI document they
// are made from. Names of types and fields are Flamenco's own.
//
// # Basics
//
// The types are plain data: the client in package flamenco sends and returns them, and the embedded Manager
// serves them. Change openapi.yaml and run go generate to change them.
//
// # Caveats
//
// An enumeration is a string type. A value that this package does not know decodes without error, so that a
// newer Manager can be used; its Valid method tells.
//
// An optional field is a plain value with omitempty where empty and absent mean the same, and a pointer where
// they do not.
//
// WorkerTag, WorkerSleepSchedule and BlenderPathCheckResult keep fields that this package does not know in
// AdditionalProperties and send them back, because flsync reads, changes and writes them.
package api

import _ "embed"

//go:generate go tool oapi-codegen -config oapi-codegen.yaml openapi.yaml

//go:embed openapi.yaml
var document []byte

// Document returns the OpenAPI 3.0 document of the Manager's API, as YAML. The caller must not change it.
func Document() []byte { return document }
