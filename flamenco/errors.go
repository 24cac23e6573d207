package flamenco

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// ErrNotAManager is wrapped by an [*Error] or [*UnreachableError] when something answered at the URL that is
// no Flamenco Manager: some other web server, or none at all.
var ErrNotAManager = errors.New("this is not a Flamenco Manager")

// ErrSignIn is wrapped by an [*Error] when a proxy redirects to a page where people sign in. All requests
// will have this answer until the proxy gets the header that it asks for.
var ErrSignIn = errors.New("a proxy wants people to sign in")

// ErrNoOperation is wrapped by an [*Error] when a Manager does not have the operation, because it is older or
// newer.
var ErrNoOperation = errors.New("there is no such operation")

// needs adds to an error of an operation that the Manager does not have which release added it.
func needs(operation string, err error) error {
	if errors.Is(err, ErrNoOperation) {
		return fmt.Errorf("this Manager is too old for it, which needs Flamenco %v: %w", api.Since(operation), err)
	}
	return err
}

// ErrSilent is wrapped by an [*UnreachableError] when no byte moved for too long, or too few of an
// answer.
var ErrSilent = errors.New("no byte came or went")

// Error is a reply that is not the one hoped for.
type Error struct {
	// Status is the HTTP status. It may be 200 when the reply as such makes no sense.
	Status int
	// Method of the request.
	Method string
	// URL of the request without user, password and query.
	URL string
	// Message is the Manager's own words, or a description of what came instead of them.
	Message string
	// FromManager reports whether the Message is the Manager's own.
	FromManager bool
	// RetryAfter is how long the Manager, or a proxy, asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// Err is the cause when the reply could not be understood, such as [ErrNotAManager], [ErrBadReply] or
	// io.ErrUnexpectedEOF; often nil.
	Err error
}

func (e *Error) Error() string {
	text := e.Method + " " + e.URL + ": "
	if e.Status < 200 || e.Status > 299 {
		text += fmt.Sprintf("%d %s", e.Status, statusText(e.Status))
		if e.Message != "" {
			text += ": "
		}
	}
	text += e.Message
	for _, cause := range []error{ErrNotAManager, ErrBadReply} {
		if errors.Is(e.Err, cause) {
			text += "; " + cause.Error()
		}
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later: 408, 425, 429, every 5xx but 501, and a reply
// that breaks off. The Manager also uses 500 for requests that can never succeed, such as a checkout of
// missing files; callers that know the operation have to limit their attempts.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return e.Status >= 500 || errors.Is(e.Err, io.ErrUnexpectedEOF)
}

// UnreachableError is a request that got no reply, or only a part of one.
type UnreachableError struct {
	// Method of the request.
	Method string
	// URL of the request without user, password and query.
	URL string
	// Sent reports whether the request may have reached the Manager and taken effect.
	Sent bool
	// Err is what happened.
	Err error

	text string // Err's, without secrets
}

func (e *UnreachableError) Error() string {
	text := cmp.Or(e.text, e.Err.Error())
	if !e.Sent {
		return fmt.Sprintf("cannot reach %s: %s", e.URL, text)
	}
	return fmt.Sprintf("%s %s: %s", e.Method, e.URL, text)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Temporary reports whether another attempt may succeed: yes, unless the address or a certificate has to be
// changed first.
func (e *UnreachableError) Temporary() bool {
	var (
		notTLS      tls.RecordHeaderError
		certificate *tls.CertificateVerificationError
		unknownCA   x509.UnknownAuthorityError
		wrongHost   x509.HostnameError
		name        *net.DNSError
	)
	switch {
	case errors.Is(e.Err, ErrNotAManager), errors.As(e.Err, &notTLS), errors.As(e.Err, &certificate),
		errors.As(e.Err, &unknownCA), errors.As(e.Err, &wrongHost):
		return false
	case errors.As(e.Err, &name):
		return !name.IsNotFound
	}
	return true
}

// BodyError is a file that could not be read while it was uploaded. Err is io.ErrUnexpectedEOF when the file
// is shorter than was announced: it has changed.
type BodyError struct {
	Name string
	Err  error
}

func (e *BodyError) Error() string {
	if errors.Is(e.Err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("upload of %s: the file is shorter than it was; it changes while it is sent", e.Name)
	}
	return fmt.Sprintf("upload of %s: %v", e.Name, e.Err)
}

func (e *BodyError) Unwrap() error { return e.Err }

// StatusRequestedError is the answer to a worker that asks for a task while it is to change its status first.
type StatusRequestedError struct{ Status api.WorkerStatus }

func (e *StatusRequestedError) Error() string {
	return fmt.Sprintf("the Manager wants the worker to become %q before it gives out tasks", e.Status)
}

// IsTemporary reports whether err is of a kind that may go away by itself. A context that has ended is not.
func IsTemporary(err error) bool {
	var (
		failure     *Error
		unreachable *UnreachableError
	)
	return errors.As(err, &failure) && failure.Temporary() || errors.As(err, &unreachable) && unreachable.Temporary()
}

// IsNotFound reports whether err is the Manager saying that a job, task, worker or tag does not exist. A 404
// of a proxy, or of a Manager that lacks the whole operation, is something else.
func IsNotFound(err error) bool { return HasStatus(err, http.StatusNotFound) }

// HasStatus reports whether err is the Manager itself answering with that HTTP status.
func HasStatus(err error, status int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == status && e.FromManager && !errors.Is(err, ErrNotAManager)
}

// RetryAfter returns how long the other side asks to wait before the next attempt, 0 when it does not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// redactURL drops whatever of an URL may be secret.
func redactURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// statusText names a status, also those of proxies that net/http does not know.
func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "unknown status"
}
