package transit

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// Engine is the Transit engine of a Vault or OpenBao server. Make it with New.
type Engine struct {
	config Config
	http   *http.Client
}

const (
	patience = 15 * time.Second
	// maxAnswer bounds what a wrong address can make this server read.
	maxAnswer = 1 << 20
)

// New makes an engine of a valid configuration. It fails when the authorities cannot be read.
func New(c Config) (*Engine, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		var err error
		if settings.RootCAs, err = trust.Only(c.CAFile); err != nil {
			return nil, fmt.Errorf("secrets.transit.ca_file: %w", err)
		}
	}
	return &Engine{config: c, http: &http.Client{
		Timeout:   patience,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings},
		// What is sent there, the token above all, is for that server and for no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Wrap gives the text that stands for the secret in a configuration.
func (e *Engine) Wrap(ctx context.Context, plain secret.String) (secret.String, error) {
	var out struct {
		Ciphertext string `json:"ciphertext"`
	}
	err := e.post(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString([]byte(plain.Reveal()))}, &out)
	if err == nil && !Wrapped(secret.String(out.Ciphertext)) {
		err = errors.New("the Transit engine gave no ciphertext")
	}
	return secret.String(out.Ciphertext), err
}

// Unwrap gives the secret that Wrap was given.
func (e *Engine) Unwrap(ctx context.Context, wrapped secret.String) (secret.String, error) {
	var out struct {
		Plaintext string `json:"plaintext"`
	}
	if err := e.post(ctx, "decrypt", map[string]string{"ciphertext": wrapped.Reveal()}, &out); err != nil {
		return "", err
	}
	plain, err := base64.StdEncoding.DecodeString(out.Plaintext)
	if err != nil {
		return "", errors.New("the Transit engine gave a plaintext that is not base64")
	}
	return secret.String(plain), nil
}

// post asks the engine. Its errors say what to do and show nothing that was sent.
func (e *Engine) post(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	path := "/v1/" + e.config.Mount + "/" + operation + "/" + e.config.Key
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(e.config.Address, "/")+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("secrets.transit.address: is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Vault-Token", e.config.Token.Reveal())
	req.Header.Set("X-Vault-Request", "true") // agents that guard against forged requests ask for it
	if e.config.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", e.config.Namespace)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return fmt.Errorf("the Transit engine cannot be reached; see secrets.transit.address and ca_file: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the Transit engine's answer was cut off: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.StatusCode, path)
	}
	data := struct {
		Data any `json:"data"`
	}{out}
	if json.Unmarshal(answer, &data) != nil {
		return errors.New("what answers at secrets.transit.address is no Vault or OpenBao")
	}
	return nil
}

// refusal says what a status means. What the engine writes beside it is not repeated: it may quote what was sent.
func refusal(status int, path string) error {
	why := "see its log"
	switch status {
	case http.StatusForbidden, http.StatusUnauthorized:
		why = "secrets.transit.token is not valid, or its policy lacks update on that path"
	case http.StatusNotFound:
		why = "there is no such mount or namespace: see secrets.transit.mount and namespace"
	case http.StatusBadRequest:
		why = "there is no such key, or the secret was wrapped by another one: see secrets.transit.key"
	case http.StatusServiceUnavailable:
		why = "it is sealed or stands by: unseal it"
	}
	return fmt.Errorf("the Transit engine answers %d at %s: %s", status, path, why)
}
