package activity

import "slices"

// Action says what happened: a thing and what became of it. Actions are never renamed.
type Action string

// The actions, by what they are about.
const (
	IdentityCreated    Action = "identity.created"
	IdentityUpdated    Action = "identity.updated"
	IdentityDeleted    Action = "identity.deleted"
	IdentityImported   Action = "identity.imported"
	IdentityRegistered Action = "identity.registered"
	IdentityVerified   Action = "identity.address_verified"
	IdentityRecovered  Action = "identity.recovered"
	RecoveryFailed     Action = "identity.recovery_failed"
	// RecoveryIssued says that somebody was given what opens an account: its code or link.
	RecoveryIssued    Action = "identity.recovery_issued"
	CredentialChanged Action = "credential.changed"
	CredentialRemoved Action = "credential.removed"

	LoginSucceeded Action = "login.succeeded"
	LoginFailed    Action = "login.failed"
	LoginLocked    Action = "login.locked"
	LoginRefused   Action = "login.refused"
	Logout         Action = "logout"

	SessionRevoked  Action = "session.revoked"
	SessionsRevoked Action = "sessions.revoked"
	SessionExtended Action = "session.extended"

	MessageRequeued Action = "message.requeued"

	ClientCreated Action = "client.created"
	ClientUpdated Action = "client.updated"
	ClientDeleted Action = "client.deleted"
	ClientFailed  Action = "client.authentication_failed"

	ConsentGranted Action = "consent.granted"
	ConsentDenied  Action = "consent.denied"
	ConsentRevoked Action = "consent.revoked"

	TokenRevoked       Action = "token.revoked"
	TokenFamilyRevoked Action = "token.family_revoked"
	TokensDeleted      Action = "tokens.deleted"

	KeyCreated   Action = "key.created"
	KeyRotated   Action = "key.rotated"
	KeyWithdrawn Action = "key.withdrawn"
	KeyChanged   Action = "key.changed"

	RulesChanged Action = "rules.changed"

	SchemaCreated Action = "schema.created"
	SchemaUpdated Action = "schema.updated"
	SchemaDeleted Action = "schema.deleted"

	AdminKeyCreated Action = "admin_key.created"
	AdminKeyChanged Action = "admin_key.changed"
	AdminKeyRevoked Action = "admin_key.revoked"
	AdminKeyUsed    Action = "admin_key.used"
	AdminRefused    Action = "admin.refused"

	TenantCreated   Action = "tenant.created"
	TenantUpdated   Action = "tenant.updated"
	TenantSuspended Action = "tenant.suspended"
	TenantResumed   Action = "tenant.resumed"
	TenantCondemned Action = "tenant.deletion_began"
	TenantDeleted   Action = "tenant.deleted"

	SealKeyAdded   Action = "seal_key.added"
	SealKeyRetired Action = "seal_key.retired"
	Resealed       Action = "seal_key.resealed"

	BackupCreated     Action = "backup.created"
	BackupFailed      Action = "backup.failed"
	BackupRestored    Action = "backup.restored"
	BackupDrilled     Action = "backup.drilled"
	BackupDrillFailed Action = "backup.drill_failed"
	BackupPruned      Action = "backup.pruned"
	DataCopied        Action = "data.copied"
	DataFrozen        Action = "data.frozen"
	DataThawed        Action = "data.thawed"
	// DataExported says that somebody read all that the databases hold, by the admin API.
	DataExported Action = "data.exported"
	// SecretsExported says that somebody took the secrets that a server had made for itself.
	SecretsExported Action = "data.secrets_exported"
)

// Actions returns every action, in the order of their names.
func Actions() []Action {
	all := []Action{
		IdentityCreated, IdentityUpdated, IdentityDeleted, IdentityImported, IdentityRegistered, IdentityVerified, IdentityRecovered,
		RecoveryFailed, RecoveryIssued, CredentialChanged, CredentialRemoved, LoginSucceeded, LoginFailed, LoginLocked,
		LoginRefused, Logout, SessionRevoked, SessionsRevoked, SessionExtended, MessageRequeued, ClientCreated, ClientUpdated, ClientDeleted, ClientFailed, ConsentGranted,
		ConsentDenied, ConsentRevoked, TokenRevoked, TokenFamilyRevoked, TokensDeleted, KeyCreated, KeyRotated, KeyWithdrawn, KeyChanged,
		RulesChanged, SchemaCreated, SchemaUpdated, SchemaDeleted, AdminKeyCreated, AdminKeyChanged, AdminKeyRevoked, AdminKeyUsed, AdminRefused, TenantCreated, TenantUpdated, TenantSuspended,
		TenantResumed, TenantCondemned, TenantDeleted, SealKeyAdded, SealKeyRetired, Resealed, BackupCreated, BackupFailed, BackupRestored,
		BackupDrilled, BackupDrillFailed, BackupPruned, DataCopied, DataFrozen, DataThawed,
		DataExported, SecretsExported,
	}
	slices.Sort(all)
	return all
}
