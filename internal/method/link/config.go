package link

import "time"

// Config is `selfservice.methods.link`. The keys are those of Ory Kratos, and confirm.
type Config struct {
	// Whether links can be sent. Which flow sends links and which codes is said by selfservice.flows.recovery.use and
	// selfservice.flows.verification.use.
	Enabled bool `yaml:"enabled" default:"false"`
	// What a link is like, and how long it is good.
	Config Settings `yaml:"config"`
}

// Settings says what a link is.
type Settings struct {
	// How long a link works. A shorter time leaves less to somebody who finds it later, in a mailbox or a log; a longer one
	// forgives slow mail servers. A link never outlives its flow.
	Lifespan time.Duration `yaml:"lifespan" default:"15m" min:"1m" max:"24h"`
	// Whether a link that is opened by another browser than the one that asked for it shows a button before it does anything.
	// With false it works at once, as in Kratos; then programs that look into mails use links up, and verify addresses that
	// nobody has seen the mail of.
	Confirm bool `yaml:"confirm" default:"true"`
}

// DefaultConfig leaves links off.
func DefaultConfig() Config {
	return Config{Config: Settings{Lifespan: 15 * time.Minute, Confirm: true}}
}
