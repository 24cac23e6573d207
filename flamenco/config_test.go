package flamenco

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serveWithPrefix is serve for a Manager behind a proxy.
func serveWithPrefix(t *testing.T, prefix string, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newTest(t, Config{URL: server.URL + prefix})
}

func TestConfigValidate(t *testing.T) {
	header := http.Header{"X-Token": {"hunter22"}}
	missing := filepath.Join(t.TempDir(), "missing")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config Config
		want   string // in the error; "" for none
	}{
		"plain":             {Config{URL: "http://manager:8080"}, ""},
		"prefix":            {Config{URL: " https://studio.test/farm/flamenco/ "}, ""},
		"IPv6":              {Config{URL: "http://[::1]:8080"}, ""},
		"empty":             {Config{}, "no URL"},
		"no scheme":         {Config{URL: "manager:8080"}, "has to begin with http://"},
		"path only":         {Config{URL: "/flamenco"}, "has to begin with http://"},
		"ftp":               {Config{URL: "ftp://manager"}, "has to begin with http://"},
		"no host":           {Config{URL: "http://"}, "names no host"},
		"query":             {Config{URL: "http://manager/?x=1"}, "must not have a ?"},
		"bad port":          {Config{URL: "http://manager:80x"}, "cannot be read"},
		"bad password":      {Config{URL: "http://me:hunter22#@manager"}, "cannot be read"},
		"password in clear": {Config{URL: "http://me:hunter22@manager"}, "refusing to send a password"},
		"header in clear":   {Config{URL: "http://manager", Header: header}, "refusing to send a password"},
		"allowed":           {Config{URL: "http://me:hunter22@manager", Header: header, AllowInsecureAuth: true}, ""},
		"loopback":          {Config{URL: "http://me:hunter22@127.0.0.1:8080", Header: header}, ""},
		"localhost":         {Config{URL: "http://me:hunter22@localhost", Header: header}, ""},
		"not loopback":      {Config{URL: "http://127.0.0.1.evil.test", Header: header}, "refusing to send a password"},
		"https":             {Config{URL: "https://me:hunter22@manager", Header: header}, ""},
		"header name":       {Config{URL: "https://manager", Header: http.Header{"X Token": {"hunter22"}}}, "header name"},
		"header value":      {Config{URL: "https://manager", Header: http.Header{"X-Token": {"hunter22\r\nX: y"}}}, "the value of header"},
		"version":           {Config{URL: "https://manager", Version: "1\n"}, "User-Agent"},
		"negative timeout":  {Config{URL: "https://manager", Silence: -1}, "Silence must not be negative"},
		"negative number":   {Config{URL: "https://manager", IdleConns: -1}, "IdleConns"},
		"no CA file":        {Config{URL: "https://manager", CAFile: missing}, "certificates to trust"},
		"CA file is empty":  {Config{URL: "https://manager", CAFile: empty}, "holds no PEM certificate"},
		"certificate alone": {Config{URL: "https://manager", CertFile: empty}, "needs both"},
		"no certificate":    {Config{URL: "https://manager", CertFile: empty, KeyFile: empty}, "client certificate"},
	} {
		err := test.config.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if _, newErr := New(test.config); (newErr == nil) != (err == nil) {
			t.Errorf("%s: Validate says %v, New says %v", name, err, newErr)
		}
		for _, shown := range []string{fmt.Sprint(err), fmt.Sprintf("%v %+v %#v %s", test.config, test.config, test.config, test.config)} {
			if strings.Contains(shown, "hunter22") {
				t.Errorf("%s: a secret shows in %q", name, shown)
			}
		}
	}
	if _, err := New(Config{URL: "http://me:pw@manager"}); !errors.Is(err, ErrInsecureAuth) {
		t.Errorf("%v is not ErrInsecureAuth", err)
	}
}

func TestPrefixIsKept(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "/api/v3/jobs/a%2Fb", "/": "/api/v3/jobs/a%2Fb", "/farm": "/farm/api/v3/jobs/a%2Fb", "/a/b/": "/a/b/api/v3/jobs/a%2Fb",
		"/my%20farm": "/my%20farm/api/v3/jobs/a%2Fb", "/a%2Fb": "/a%2Fb/api/v3/jobs/a%2Fb",
	} {
		client := serveWithPrefix(t, prefix, func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.EscapedPath(); got != want {
				t.Errorf("with prefix %q, the path is %q, want %q", prefix, got, want)
			}
			w.WriteHeader(http.StatusNoContent)
		})
		if err := client.DeleteJob(t.Context(), "a/b"); err != nil {
			t.Error(err)
		}
	}
}

// Secrets go where they have to and are in no message, whatever the other side echoes.
func TestSecrets(t *testing.T) {
	const password, token, secret = "p:w wörd", "token-4711", "workersecret"
	var echo http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		echo = r.Header.Clone()
		user, pass, _ := r.BasicAuth()
		w.Header().Set("Location", "http://x/"+token)
		w.WriteHeader(map[string]int{"GET": 500, "POST": 302}[r.Method])
		fmt.Fprintf(w, `{"code":500,"message":"who is %s %s %s %s %s?"}`, user, pass, r.Header.Get("Authorization"), r.Header.Get("X-Token"), r.Host)
	}))
	defer server.Close()
	address := strings.Replace(server.URL, "http://", "http://artist:p%3Aw%20w%C3%B6rd@", 1)
	client := newTest(t, Config{URL: address, Header: http.Header{"x-token": {token}, "Host": {"farm.test"}}})

	_, getErr := client.Jobs(t.Context())
	if auth := (&http.Request{Header: echo}); func() bool { u, p, ok := auth.BasicAuth(); return !ok || u != "artist" || p != password }() || echo.Get("X-Token") != token {
		t.Errorf("headers are %v", echo)
	}
	if !strings.Contains(getErr.Error(), "farm.test") {
		t.Errorf("the Host header is not sent: %v", getErr)
	}
	_, postErr := client.CreateTag(t.Context(), tagNamed("x"))
	_, workerErr := client.AsWorker("w1", secret).MayRun(t.Context(), "a")
	if u, p, _ := (&http.Request{Header: echo}).BasicAuth(); u != "w1" || p != secret {
		t.Errorf("worker calls as %s", u)
	}
	server.Close()
	_, deadErr := client.Jobs(t.Context())
	for _, err := range []error{getErr, postErr, workerErr, deadErr} {
		for _, hidden := range []string{password, token, secret, "artist:", basicAuth("artist", password), basicAuth("w1", secret)} {
			if err == nil || strings.Contains(err.Error(), hidden) || strings.Contains(fmt.Sprintf("%+v", err), hidden) {
				t.Errorf("%q shows in %+v", hidden, err)
			}
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v %+v %#v %#v", client, client, client, client.AsWorker("w1", secret), client.AsWorker("w1", secret), deadErr); strings.Contains(shown, token) || strings.Contains(shown, secret) || strings.Contains(shown, password) {
		t.Errorf("printed as %q", shown)
	}
	if client.URL() != server.URL {
		t.Errorf("URL is %q", client.URL())
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, clients := makeCertificate(t, dir)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if r.ProtoMajor != 1 {
			t.Errorf("spoke %s", r.Proto)
		}
		fmt.Fprintf(w, `{"version":"%d bytes, %d certificates"}`, n, len(r.TLS.PeerCertificates))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	defer server.Close()
	caFile := filepath.Join(dir, "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config Config
		want   string
		err    string
	}{
		"unknown certificate": {Config{}, "", "certificate"},
		"own CA":              {Config{CAFile: caFile}, "0 bytes, 0 certificates", ""},
		"any":                 {Config{InsecureSkipVerify: true}, "0 bytes, 0 certificates", ""},
		"client certificate":  {Config{CAFile: caFile, CertFile: certFile, KeyFile: keyFile}, "0 bytes, 1 certificates", ""},
	} {
		test.config.URL = server.URL
		version, err := newTest(t, test.config).Version(t.Context())
		if version.Version != test.want || (err == nil) != (test.err == "") || err != nil && (!strings.Contains(err.Error(), test.err) || IsTemporary(err)) {
			t.Errorf("%s: %q and %v", name, version.Version, err)
		}
	}
	client := newTest(t, Config{URL: server.URL, CAFile: caFile})
	if outcome, err := client.ShamanUpload(t.Context(), uploadOf(t, make([]byte, 3<<20), true)); outcome != Stored || err != nil {
		t.Errorf("upload: %v, %v", outcome, err)
	}
}

// Over TLS, too, an answer in mid-body counts.
func TestTLSUploadAnsweredInMidBody(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 100_000)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 208 Already Reported\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = c.(*tls.Conn).NetConn().(*net.TCPConn).Close()
	}))
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	defer server.Close()
	client := newTest(t, Config{URL: server.URL, InsecureSkipVerify: true})
	u := uploadOf(t, make([]byte, 4<<20), true)
	for range 10 {
		if outcome, err := client.ShamanUpload(t.Context(), u); outcome != AlreadyStored || err != nil {
			t.Fatal(outcome, err)
		}
	}
}

// makeCertificate writes a client certificate that signs itself.
func makeCertificate(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "flsync"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(cert)
	return certFile, keyFile, pool
}
