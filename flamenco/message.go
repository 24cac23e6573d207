package flamenco

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/pattern"
)

const (
	// maxMessage limits a message to what a terminal can show, in runes.
	maxMessage = 600
	// maxRetryAfter: no proxy's word stalls a night's run for longer.
	maxRetryAfter = 10 * time.Minute
)

// description is what a reply that was not hoped for says.
type description struct {
	message     string
	fromManager bool // the message is the Manager's own
	foreign     bool // it is certainly not a Manager that answers
	noOperation bool // it is a Manager without the operation
}

// describe turns the body of a reply that was not hoped for into a message for people. complete reports
// whether all of the body arrived.
func describe(status int, contentType string, body []byte, complete bool) description {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0 && !complete:
		return description{message: "the reply breaks off at its very beginning"}
	case len(trimmed) == 0:
		return description{message: "the reply is empty", foreign: status == http.StatusNotFound}
	}
	if message, hasCode, ok := managerMessage(trimmed); ok {
		if !hasCode && (status == http.StatusNotFound || strings.EqualFold(message, "method not allowed")) {
			return description{message: "there is no such operation; the Manager is of another version, or its URL has a part too many", noOperation: true}
		}
		return description{message: message, fromManager: true}
	}

	var message string
	mediaType, _, _ := mime.ParseMediaType(contentType)
	switch {
	case looksLikeHTML(mediaType, trimmed):
		message = "the reply is a web page"
		if title := htmlTitle(trimmed); title != "" {
			message += fmt.Sprintf(" titled %q", title)
		}
	case !complete:
		message = fmt.Sprintf("the reply breaks off after %d bytes", len(body))
	case trimmed[0] == '{' || trimmed[0] == '[':
		message = "the reply is JSON, but not the Manager's"
	case strings.HasPrefix(mediaType, "text/") || mediaType == "":
		message = fmt.Sprintf("the reply reads %q", clean(string(trimmed), 120))
	default:
		message = fmt.Sprintf("the reply is %d bytes of %q", len(body), clean(mediaType, 60))
	}
	foreign := complete && (status < 300 || status == http.StatusNotFound || status == http.StatusMethodNotAllowed)
	return description{message: message + hint(status), foreign: foreign}
}

// managerMessage finds the Manager's words in a body: {"code":…,"message":…}, a JSON string, or
// {"message":…}, which comes from the library below the Manager, for example for a path that it does not
// know.
func managerMessage(body []byte) (message string, hasCode, ok bool) {
	var e api.Error
	if body[0] == '"' {
		ok = json.Unmarshal(body, &e.Message) == nil
		return clean(e.Message, maxMessage), true, ok && e.Message != ""
	}
	ok = json.Unmarshal(body, &e) == nil
	return clean(e.Message, maxMessage), e.Code != 0, ok && e.Message != ""
}

// hint says what usually is behind a status when it is not the Manager that answers.
func hint(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return "; a proxy in front of the Manager wants to know who is calling: give it the header or password that it asks for"
	case http.StatusRequestEntityTooLarge:
		return "; a proxy in front of the Manager limits the size of what is sent: its limit has to be raised (nginx: client_max_body_size)"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "; a proxy answers, but the Manager behind it does not"
	}
	return ""
}

func looksLikeHTML(mediaType string, body []byte) bool {
	return mediaType == "text/html" || strings.HasPrefix(http.DetectContentType(body), "text/html")
}

var titlePattern = pattern.Lazy(`(?is)<title[^>]*>(.*?)</title`)

func htmlTitle(body []byte) string {
	match := titlePattern().FindSubmatch(body[:min(len(body), 64<<10)])
	if match == nil {
		return ""
	}
	return clean(html.UnescapeString(string(match[1])), 80)
}

// clean makes foreign text fit for one line of a terminal: no control characters, runs of white space become
// one space, and no more than limit runes.
func clean(text string, limit int) string {
	var b strings.Builder
	runes, space := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			continue
		}
		if runes >= limit {
			return b.String() + "…"
		}
		if space {
			b.WriteByte(' ')
			space = false
			runes++
		}
		b.WriteRune(r)
		runes++
	}
	return b.String()
}

// retryAfter reads a Retry-After header, which holds seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// secrets are strings that must not be in any message, also not when a proxy echoes them.
type secrets []string

func (s secrets) hide(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "[hidden]")
	}
	return text
}
