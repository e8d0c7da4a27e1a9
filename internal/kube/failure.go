package kube

import (
	"errors"
	"fmt"
	"net"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// Reasons of the condition Ready.
const (
	reasonReady          = "Registered"
	reasonSecretMissing  = "SecretMissing"
	reasonSecretInvalid  = "InvalidSecret"
	reasonSecretFailed   = "SecretNotWritten"
	reasonAddress        = "ServerRefused"
	reasonTenantRefused  = "TenantRefused"
	reasonTenantMissing  = TenantNotFound
	reasonScopeRefused   = "ScopeRefused"
	reasonConsentRefused = "ConsentRefused"
	reasonNotReconciled  = "NotReconciled"
	reasonTaken          = "ClientBelongsToAnother"
	reasonUnreachable    = "ServerUnreachable"
	reasonDenied         = "AccessDenied"
	reasonRejected       = "ClientRejected"
	reasonRulesRejected  = "RuleRejected"
	reasonRulesTooLarge  = "SetTooLarge"
)

// TenantNotFound is the reason where the server has no tenant of the name.
const TenantNotFound = "TenantNotFound"

// Codes of reconciliationError, as hydra-maester has them.
const (
	codeRegister = "CLIENT_REGISTRATION_FAILED"
	codeUpdate   = "CLIENT_UPDATE_FAILED"
	codeWrite    = "SECRET_CREATION_FAILED"
	codeSecret   = "INVALID_SECRET"
	codeAddress  = "INVALID_HYDRA_ADDRESS"
)

// failure is why a client is not ready.
type failure struct {
	reason, code, message string
	again                 bool // worth trying again soon; otherwise it waits for a change
	cause                 error
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.cause }

func refuse(format string, args ...any) *failure {
	return &failure{reason: reasonAddress, code: codeAddress, message: fmt.Sprintf(format, args...)}
}

// explain says what an error of the admin API means for the resource.
func explain(code string, p place, err error) *failure {
	f := &failure{reason: reasonUnreachable, code: code, again: true, cause: err}
	switch s := apiclient.Status(err); {
	case s == 401 || s == 403:
		f.reason = reasonDenied
		f.message = fmt.Sprintf("%s does not let the controller in (%v): check %s", p, err, p.server.shows())
	case s == 404:
		f.reason = reasonTenantMissing
		f.message = fmt.Sprintf("%s is not there: does the tenant exist, and is it the admin listener?", p)
	case s == 429 || s >= 500:
		f.message = fmt.Sprintf("%s cannot answer now: %v", p, err)
	case s != 0:
		f.reason = reasonRejected
		f.message = err.Error()
	default:
		f.message = fmt.Sprintf("%s does not answer: %s", p, plain(err))
		if hint := untrusted(err); hint != "" {
			f.message += ": " + hint
		}
	}
	return f
}

// shows is what the server knows the controller by, in words for who has to mend it.
func (s *Server) shows() string {
	switch {
	case s.CredentialFile != "":
		return "the admin key of --admin-key-file"
	case s.CertFile != "":
		return "--client-cert, and whether serve.admin.certificates of the server names it"
	}
	return "the admin key: --admin-key-file names none, and --client-cert no certificate"
}

// plain leaves out of a network error what is different each time, so that the status does not change with each attempt.
func plain(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return cut(op.Op + ": " + op.Err.Error())
	}
	return cut(err.Error())
}
