package cluster

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/pki"
)

// google is as much of Google as its Cloud SQL proxy asks for: tokens for who has the key of a service account, the address of an instance
// and a certificate for it, and the instance, which lets in who has such a certificate. What is in it is a database of the node.
type google struct {
	authority *authority
	key       *rsa.PrivateKey
	database  string // its socket
}

const (
	googleToken = "token-of-the-proxy"
	sqlInstance = "/sql/v1beta4/projects/my-gcp-project/instances/mydbinstance"
	sqlRegion   = "europe-west4"
)

func startGoogle(t *testing.T, world *internet, db *postgres) *google {
	t.Helper()
	a, err := newAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.issue("instance", pkix.Name{CommonName: "my-gcp-project:mydbinstance"}); err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g := &google{authority: a, key: key, database: db.file(".s.PGSQL." + db.port)}
	world.HandleFunc("POST "+tokenHost+"/token", g.token)
	world.HandleFunc("GET "+sqlHost+sqlInstance+"/connectSettings", g.authorized(func(*http.Request) (any, error) {
		return map[string]any{"backendType": "SECOND_GEN", "databaseVersion": "POSTGRES_17", "region": sqlRegion, "serverCaCert": map[string]string{"cert": read(t, a.file("ca.crt"))},
			"ipAddresses": []map[string]string{{"type": "PRIMARY", "ipAddress": nodeAddress}}}, nil
	}))
	world.HandleFunc("POST "+sqlHost+"/sql/v1beta4/projects/my-gcp-project/instances/{call}", g.authorized(g.certify))
	g.listen(t)
	return g
}

// account is the file that Google gives who makes a key of a service account.
func (g *google) account(t *testing.T) string {
	t.Helper()
	key, err := pki.EncodeKey(g.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "my-gcp-project", "client_email": "gatehouse@my-gcp-project.iam.gserviceaccount.com",
		"private_key_id": "1", "private_key": string(key), "token_uri": "https://" + tokenHost + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// token gives a token for an assertion that the account's key signed (RFC 7523).
func (g *google) token(w http.ResponseWriter, r *http.Request) {
	assertion := r.PostFormValue("assertion")
	signed := assertion[:max(0, strings.LastIndex(assertion, "."))]
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(assertion[len(signed):], "."))
	sum := sha256.Sum256([]byte(signed))
	if err := errors.Join(err, rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], raw)); err != nil {
		http.Error(w, `{"error": "invalid_grant"}`, http.StatusBadRequest)
		return
	}
	answer(w, map[string]any{"access_token": googleToken, "token_type": "Bearer", "expires_in": 3600})
}

func answer(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(content)
}

// authorized answers who has the token.
func (g *google) authorized(with func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+googleToken {
			http.Error(w, `{"error": {"code": 401}}`, http.StatusUnauthorized)
			return
		}
		content, err := with(r)
		if err != nil {
			http.Error(w, `{"error": {"code": 400}}`, http.StatusBadRequest)
			return
		}
		answer(w, content)
	}
}

// certify signs a certificate for an hour.
func (g *google) certify(r *http.Request) (any, error) {
	var asked struct {
		Key string `json:"public_key"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(asked.Key))
	if block == nil || r.PathValue("call") != "mydbinstance:generateEphemeralCert" {
		return nil, errors.New("no request for a certificate")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "the proxy"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, g.authority.Certificate, key, g.authority.Key)
	if err != nil {
		return nil, err
	}
	return map[string]any{"ephemeralCert": map[string]string{"cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}}, nil
}

// listen is the instance's own port.
func (g *google) listen(t *testing.T) {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(g.authority.file("instance.crt"), g.authority.file("instance.key"))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(g.authority.Certificate)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", nodeAddress+":3307")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	secure := tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	go func() {
		for {
			conn, err := secure.Accept()
			if err != nil {
				return
			}
			go g.forward(conn)
		}
	}()
}

// forward leads a connection to the database, until either side ends.
func (g *google) forward(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	database, err := (&net.Dialer{}).DialContext(context.Background(), "unix", g.database)
	if err != nil {
		return
	}
	defer func() { _ = database.Close() }()
	go func() {
		defer func() { _ = database.Close() }()
		_, _ = io.Copy(database, conn)
	}()
	_, _ = io.Copy(conn, database)
}

// Google's own proxy, with the key of a service account, leads to an instance; one of the two may end.
func TestProductionCloudSQL(t *testing.T) {
	db, world := newPostgres(t), newInternet(t)
	db.makeDatabases(t)
	g := startGoogle(t, world, db)
	proxy := image{
		name: regexp.MustCompile(`gcr\.io/\S+`).FindString(chartFile("values.yaml")), entrypoint: []string{"/cloud-sql-proxy"}, user: "65532:65532",
		files: map[string]string{"/cloud-sql-proxy": path("bin", "cloud-sql-proxy")}, texts: map[string]string{"/etc/ssl/certs/ca-certificates.crt": world.authority},
	}
	if err := importImage(t.Context(), directory, proxy); err != nil {
		t.Fatal(err)
	}
	s := newSpace(t, "cloudsql")
	db.secrets(s)
	s.makeSecret("gatehouse-gcp", "Opaque", map[string]string{"sa.json": g.account(t)})
	s.install("-f", example("production-cloudsql.yaml"), "--set", "admin.key.generate=true")
	s.noRestarts()
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	proxies := strings.Fields(s.kubectl("get", "pods", "-l", "app.kubernetes.io/component=cloudsql", "-o", "name"))
	s.kubectl("delete", proxies[0], "--grace-period=0", "--force")
	r.keeps(application, token)
}
