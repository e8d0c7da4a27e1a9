package trust

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Only gives the authorities in a file, in PEM form, and no others. Errors name the file.
func Only(file string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if err := add(pool, file); err != nil {
		return nil, err
	}
	return pool, nil
}

// Besides gives the authorities of the system and those in files, in PEM form. Errors name the file.
func Besides(files ...string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	for _, file := range files {
		if err := add(pool, file); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

func add(pool *x509.CertPool, file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return nil
}

// Shown is for tls.Config.GetClientCertificate: it reads certificate and key for each connection that asks for them, so that renewed
// ones need no restart.
func Shown(certFile, keyFile string) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		return &pair, err
	}
}
