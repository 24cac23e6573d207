package flamenco

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says how to reach a Manager. The zero value of every field but URL is usable. A proxy named in the
// environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) is used, though never for this machine itself.
type Config struct {
	// URL is the Manager's root, http or https. A path prefix is kept. A user and password in it become basic
	// authentication and appear nowhere else.
	URL string

	// Header is sent with every request, for proxies that ask who is calling. The values are never printed.
	Header http.Header

	// Version of the program, for the User-Agent.
	Version string

	// AllowInsecureAuth permits a password or Header over plain http to another machine. Off by default,
	// because everybody on the way could read them. Worker calls are not affected: Flamenco's own workers
	// send their secret over whatever the Manager offers.
	AllowInsecureAuth bool

	// CAFile is a PEM file of certificates to trust besides the system's.
	CAFile string
	// CertFile and KeyFile are PEM files of a client certificate, for proxies that ask for one.
	CertFile, KeyFile string
	// InsecureSkipVerify accepts any certificate. For tests of a farm's set-up, never for its use.
	InsecureSkipVerify bool

	// IdleConns is how many connections are kept open for reuse. Default 128: twice the 64 uploads at once
	// beyond which a Manager gets no faster, so that none of them ever has to dial again.
	IdleConns int

	// DialTimeout limits connecting, name look-up included. Default 10 s: three lost SYN packets.
	DialTimeout time.Duration

	// Silence is how long no byte may move in either direction before a call is given up. Default 60 s: a
	// Manager whose database is busy answers after up to 30 s.
	Silence time.Duration

	// CheckoutSilence is the same for the reply to a checkout, during which the Manager makes a link a file
	// and says nothing. Default 15 min: 20,000 links take a second on a local disk, but a thousand times
	// longer on a bad day of a network one.
	CheckoutSilence time.Duration

	// ExpectTimeout is how long an upload that asks first waits for the answer before it sends anyway.
	// Default 2 s: longer than any round trip, and short beside the time that a large file takes.
	ExpectTimeout time.Duration
}

const (
	defaultIdleConns       = 128
	defaultDialTimeout     = 10 * time.Second
	defaultSilence         = 60 * time.Second
	defaultCheckoutSilence = 15 * time.Minute
	defaultExpectTimeout   = 2 * time.Second
)

// withDefaults returns the configuration with nothing left at zero that has a default.
func (c Config) withDefaults() Config {
	c.IdleConns = cmp.Or(c.IdleConns, defaultIdleConns)
	c.DialTimeout = cmp.Or(c.DialTimeout, defaultDialTimeout)
	c.Silence = cmp.Or(c.Silence, defaultSilence)
	c.CheckoutSilence = cmp.Or(c.CheckoutSilence, max(defaultCheckoutSilence, c.Silence))
	c.ExpectTimeout = cmp.Or(c.ExpectTimeout, defaultExpectTimeout)
	c.Version = cmp.Or(c.Version, "dev")
	return c
}

// ErrInsecureAuth is returned for a configuration that would send secrets in clear over a network.
var ErrInsecureAuth = errors.New("refusing to send a password or headers over plain http to another machine")

// Validate says what is wrong with the configuration. It reads the certificate files. No secret is in its
// errors.
func (c Config) Validate() error {
	base, err := c.baseURL()
	if err != nil {
		return err
	}
	for name, values := range c.Header {
		if !validName(name) {
			return fmt.Errorf("header name %q has characters that HTTP does not allow", name)
		}
		for _, value := range values {
			if !validValue(value) {
				return fmt.Errorf("the value of header %q has characters that HTTP does not allow, such as a line break", name)
			}
		}
	}
	if c.hasSecrets(base) && base.Scheme == "http" && !isLoopback(base.Hostname()) && !c.AllowInsecureAuth {
		return fmt.Errorf("%s: %w; use https, or allow it expressly", redactURL(base), ErrInsecureAuth)
	}
	if c.Version != "" && !validValue(c.Version) {
		return fmt.Errorf("version %q cannot be put into a User-Agent", c.Version)
	}
	for name, d := range map[string]time.Duration{
		"DialTimeout": c.DialTimeout, "Silence": c.Silence, "CheckoutSilence": c.CheckoutSilence, "ExpectTimeout": c.ExpectTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("%s must not be negative, but is %v", name, d)
		}
	}
	if c.IdleConns < 0 {
		return fmt.Errorf("IdleConns must not be negative, but is %d", c.IdleConns)
	}
	_, err = c.tlsConfig()
	return err
}

// String names the Manager without any secret, so that a configuration can be logged.
func (c Config) String() string {
	base, err := c.baseURL()
	if err != nil {
		return "flamenco.Config{invalid}"
	}
	return "flamenco.Config{" + redactURL(base) + "}"
}

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }

// baseURL returns the Manager's root without a trailing slash. What url.Parse has to say is left out of the
// error when it might quote a password.
func (c Config) baseURL() (*url.URL, error) {
	const example = "such as http://manager.lan:8080"
	if c.URL == "" {
		return nil, errors.New("no URL of a Manager was given, " + example)
	}
	base, err := url.Parse(strings.TrimSpace(c.URL))
	switch {
	case err != nil && strings.Contains(c.URL, "@"):
		return nil, errors.New("the Manager's URL cannot be read; in its user and password, characters other than letters and digits must be written as %XX")
	case err != nil:
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err
		}
		return nil, fmt.Errorf("the Manager's URL cannot be read: %w; it has to be one %s", err, example)
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("the Manager's URL has to begin with http:// or https://, %s", example)
	case base.Hostname() == "":
		return nil, fmt.Errorf("the Manager's URL names no host; it has to be one %s", example)
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("the Manager's URL must not have a ? or # part; it has to be one %s", example)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = strings.TrimRight(base.RawPath, "/")
	return base, nil
}

func (c Config) hasSecrets(base *url.URL) bool {
	if base.User != nil {
		return true
	}
	for name := range c.Header {
		if http.CanonicalHeaderKey(name) != "Host" {
			return true
		}
	}
	return false
}

// isLoopback reports whether a host is this machine. A name other than localhost is not trusted to stay what
// it is.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (c Config) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificates to trust: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil { // not every system has one
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates to trust: %s holds no PEM certificate", c.CAFile)
		}
		config.RootCAs = pool
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("a client certificate needs both its certificate file and its key file")
	}
	if c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// validName reports whether HTTP allows a header name: a token of RFC 9110, section 5.6.2.
func validName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

// validValue reports whether HTTP allows a header value: no control characters but tabs, see RFC 9110,
// section 5.5.
func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
