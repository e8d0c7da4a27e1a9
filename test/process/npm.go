package process

import (
	"fmt"
	"os/exec"
	"time"
)

// InstallPackages fetches the npm packages that the lock file in a directory names. A registry may be out of reach for a moment,
// so it is tried four times, within two minutes.
func InstallPackages(dir string) error {
	for pause := 5 * time.Second; ; pause *= 3 {
		install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		install.Dir = dir
		out, err := install.CombinedOutput()
		if err == nil {
			return nil
		}
		if pause > time.Minute {
			return fmt.Errorf("npm ci: %w\n%s\nNode.js and npm are needed; `make test` installs them on Debian", err, out)
		}
		time.Sleep(pause)
	}
}
