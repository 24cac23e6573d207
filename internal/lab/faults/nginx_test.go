package faults

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/lab/long"
	"github.com/flsync/flsync/internal/lab/managertest"
)

// Ways in which studios put nginx in front of a Manager. {manager} is the Manager's address.
var nginxes = []struct {
	name, server, location string
	prefix                 string
	tls, password, client  bool // client: it asks for a client certificate
}{
	{name: "a prefix, requests buffered", location: "proxy_pass {manager}/;", prefix: "/farm/flamenco"},
	{name: "nothing buffered, HTTP/1.1 kept open", location: "proxy_pass {manager}; proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection '';"},
	{name: "TLS and a password", location: "auth_basic farm; auth_basic_user_file users; proxy_pass {manager};", tls: true, password: true},
	{name: "client certificates", server: "ssl_client_certificate ca.pem; ssl_verify_client on;", location: "proxy_pass {manager};", tls: true, client: true},
	{name: "connections end after three requests", server: "keepalive_requests 3; keepalive_timeout 1s;", location: "proxy_pass {manager};"},
}

// TestNginx runs the contract suite through nginx. It needs nginx; FLSYNC_REQUIRE_NGINX=1 makes its absence a
// failure.
func TestNginx(t *testing.T) {
	long.Test(t)
	for _, n := range nginxes {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			direct := embedded(t)
			dir := t.TempDir()
			config := flamenco.Config{}
			server := n.server + " client_max_body_size 0;"
			scheme := "http"
			if n.tls {
				scheme = "https"
				config.CAFile = writeCertificates(t, dir)
				server += " ssl_certificate server.pem; ssl_certificate_key server.key;"
			}
			if n.password {
				writeText(t, dir, "users", "artist:{PLAIN}"+password+"\n")
				config.Header = http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("artist:"+password))}}
			}
			location := strings.ReplaceAll(n.location, "{manager}", direct)
			address := startNginx(t, dir, n.tls, server, fmt.Sprintf("location %s/ { %s }", n.prefix, location))
			config.URL = scheme + "://" + address + n.prefix
			if n.password {
				refusesStrangers(t, config, "wants to know who is calling")
			}
			if n.client {
				refusesStrangers(t, config, "No required SSL certificate was sent")
				config.CertFile, config.KeyFile = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
			}
			managertest.RunBehind(t, direct, config)
		})
	}
}

const password = "correct-horse-7"

// refusesStrangers makes sure that the proxy does ask, and that the client then says what is wrong.
func refusesStrangers(t *testing.T, config flamenco.Config, want string) {
	config.Header = nil
	client, err := flamenco.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Version(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a stranger: %v", err)
	}
}

// TestNginxBodyLimit has the program send what is larger than nginx lets through by default: what fits goes,
// what does not is named, and told why.
func TestNginxBodyLimit(t *testing.T) {
	long.Test(t)
	t.Parallel()
	direct := embedded(t)
	dir := t.TempDir()
	address := startNginx(t, dir, false, "client_max_body_size 64k;", "location / { proxy_pass "+direct+"; }")
	tree := filepath.Join(dir, "tree")
	writeText(t, tree, "small.txt", "fits")
	writeText(t, tree, "large.exr", strings.Repeat("does not fit ", 20_000))
	for i := range 900 { // the list of these alone is more than 64 KiB
		writeText(t, tree, fmt.Sprintf("many/file%d.txt", i), fmt.Sprint("file ", i%50))
	}
	cmd := exec.CommandContext(t.Context(), buildProgram(t), "sync", tree, "--json", "--manager", "http://"+address)
	cmd.Env = cleanenv.Environ(dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	lines := out.String()
	if code := cmd.ProcessState.ExitCode(); code != 3 && code != 1 {
		t.Errorf("%v: exit code %d; a file did not get through", err, code)
	}
	if !strings.Contains(lines, "large.exr") || !strings.Contains(lines, "client_max_body_size") {
		t.Errorf("nothing says that the proxy's client_max_body_size is too small for large.exr:\n%s", tail(lines))
	}
	var summary struct {
		Files struct{ Failed int }
	}
	if err := json.Unmarshal([]byte(lines[strings.LastIndex(strings.TrimSpace(lines), "\n")+1:]), &summary); err != nil || summary.Files.Failed != 1 {
		t.Errorf("summary counts %d failed files, %v:\n%s", summary.Files.Failed, err, tail(lines))
	}
}

func tail(s string) string { return s[max(0, len(s)-3000):] }

// embedded starts an embedded Manager and returns its URL.
func embedded(t *testing.T) string { return embeddedIn(t, t.TempDir()) }

// embeddedIn is embedded in a folder of one's own.
func embeddedIn(t *testing.T, dir string) string {
	url, _ := managertest.Embedded(t, dir)
	return url
}

// startNginx starts nginx in dir and returns its address. Between looking for a free port and taking it,
// another program may have taken it; nginx then ends, and gets another port.
func startNginx(t *testing.T, dir string, tls bool, server, location string) string {
	program := findNginx(t)
	var said string
	for range 5 {
		var address string
		if address, said = tryNginx(t, program, dir, freeAddress(t), tls, server, location); address != "" {
			return address
		}
	}
	t.Fatalf("nginx does not start:\n%s", said)
	return ""
}

// findNginx skips a test where there is none, unless FLSYNC_REQUIRE_NGINX is set.
func findNginx(t *testing.T) string {
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("FLSYNC_REQUIRE_NGINX") != "" {
			t.Fatal(err)
		}
		t.Skip("there is no nginx here")
	}
	return program
}

func freeAddress(t *testing.T) string {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return free.Addr().String()
}

// tryNginx returns no address when nginx ended, but what it said.
func tryNginx(t *testing.T, program, dir, address string, tls bool, server, location string) (started, said string) {
	listen := address
	if tls {
		listen += " ssl"
	}
	writeText(t, dir, "nginx.conf", fmt.Sprintf(`daemon off; master_process off; pid nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path a; uwsgi_temp_path b; scgi_temp_path c;
	server { listen %s; %s
		%s
	}
}
`, listen, server, location))
	var complaints bytes.Buffer
	cmd := exec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "stderr")
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("nginx says:\n%s", tail(complaints.String()))
		}
	})
	for { // it writes its process id once it has the port; the test's own time limit is enough of one
		if _, err := os.Stat(filepath.Join(dir, "nginx.pid")); err == nil {
			return address, ""
		}
		select {
		case <-ended:
			return "", complaints.String()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestNginxPortTaken: a port that another program has got meanwhile is noticed, and is not taken for nginx's.
func TestNginxPortTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if address, said := tryNginx(t, findNginx(t), t.TempDir(), other.Addr().String(), false, "", "location / { return 200; }"); address != "" || !strings.Contains(said, "in use") {
		t.Errorf("nginx started at %q, saying %q", address, said)
	}
}

// writeCertificates makes an authority and certificates for 127.0.0.1 and for a client that it signed, and
// returns the authority's file.
func writeCertificates(t *testing.T, dir string) (ca string) {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Studio"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "farm"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	client := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "artist"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	caKey := newKey(t)
	writePEM(t, dir, "ca.pem", "CERTIFICATE", sign(t, authority, authority, caKey, caKey))
	for name, certificate := range map[string]*x509.Certificate{"server": server, "client": client} {
		key := newKey(t)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, dir, name+".pem", "CERTIFICATE", sign(t, certificate, authority, key, caKey))
		writePEM(t, dir, name+".key", "PRIVATE KEY", der)
	}
	return filepath.Join(dir, "ca.pem")
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, cert, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, dir, name, kind string, der []byte) {
	writeText(t, dir, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func writeText(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNginxTwoAtOnce has two programs send one tree at once through a proxy that reads each request to its
// end before the Manager sees it: what the Manager answers in mid-body, that somebody else was faster, is
// lost on the way.
func TestNginxTwoAtOnce(t *testing.T) {
	long.Test(t)
	t.Parallel()
	program, direct, dir := buildProgram(t), embedded(t), t.TempDir()
	address := startNginx(t, dir, false, "client_max_body_size 0;", "location / { proxy_pass "+direct+"; }")
	tree := filepath.Join(dir, "tree")
	for i := range 3 { // large enough not to fit into buffers on the way
		writeText(t, tree, fmt.Sprintf("large%d.exr", i), strings.Repeat(fmt.Sprint("pixel ", i), 1_300_000))
	}
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() {
			home := filepath.Join(dir, fmt.Sprint("home", i))
			cmd := exec.CommandContext(t.Context(), program, "sync", tree, "--json", "--manager", "http://"+address)
			cmd.Env = cleanenv.Environ(home)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("run %d: %v\n%s", i, err, tail(string(out)))
			}
		})
	}
	both.Wait()
}
