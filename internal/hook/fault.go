package hook

import "github.com/gatehouse-iam/gatehouse/internal/fault"

var (
	// ErrFailed says that a hook gave no answer, or one that means failure. The cause, in the log, says which hook and why.
	ErrFailed = fault.New(fault.Unavailable, "web_hook_failed",
		"A service that has to agree responded improperly. Please try again later.")
	// ErrTimeout says that a hook took too long.
	ErrTimeout = fault.New(fault.Unavailable, "web_hook_timeout",
		"A service that has to agree could not be reached. Please try again later.")
	// ErrProgram says that a program of the configuration failed, or took too long.
	ErrProgram = fault.New(fault.Internal, "program_failed", "A program of this server's configuration failed.")
)
