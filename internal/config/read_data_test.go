package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/config"
)

// A job that copies data has the databases and the server's secrets, and nothing of what production wants besides.
func TestReadData(t *testing.T) {
	file := filepath.Join(t.TempDir(), "databases.yaml")
	if err := os.WriteFile(file, []byte("databases: {dsn: 'postgres://gatehouse:p@db/gatehouse?sslmode=verify-full'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"GATEHOUSE_PROFILE=production", "GATEHOUSE_SECRETS_SYSTEM=q7Zt4LkP9wXc2VbN8mRfYh3G", "GATEHOUSE_SECRETS_COOKIE=Hs5Jd3Gy6Ue1Ao0TiCxKw8Mn"}
	if _, err := config.ReadData([]string{file}, environ); err != nil {
		t.Errorf("with secrets and no address: %v", err)
	}
	environ[1] = "GATEHOUSE_SECRETS_SYSTEM=short"
	if _, err := config.ReadData([]string{file}, environ); err == nil || !strings.Contains(err.Error(), "secrets.system") {
		t.Errorf("with a short secret: %v", err)
	}
}
