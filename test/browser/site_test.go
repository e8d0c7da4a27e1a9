package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// patience is how long anything is waited for. Nothing takes a hundredth of it; a machine that is busy with other things may.
const patience = 90 * time.Second

// site is a running server and the post that brings its mails.
type site struct {
	*process.Server
	post *post
}

// All people of a test come from one address, so what one address may do is raised.
const siteConfig = `courier: {smtp: {connection_uri: %q, from_address: gatehouse@example.com}}
selfservice: {methods: {password: {config: {haveibeenpwned_enabled: false}}}}
limits:
  flow: {requests: 10000, per: 1m, burst: 10000}
  login: {requests: 10000, per: 1m, burst: 10000}
  registration: {requests: 10000, per: 1m, burst: 10000}
  recovery: {requests: 10000, per: 1m, burst: 10000}
  verification: {requests: 10000, per: 1m, burst: 10000}
  settings: {requests: 10000, per: 1m, burst: 10000}
`

// newSite starts a server. More configuration wins over the test's own.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	mails := newPost(t)
	s := &site{Server: process.Configure(t, process.Options{Config: fmt.Sprintf(siteConfig, mails.uri())}), post: mails}
	if config != "" {
		s.Override(config)
	}
	s.Run()
	t.Cleanup(s.Stop)
	return s
}
