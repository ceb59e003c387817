package collections

// Role is what an account may do.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin"
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleUser, RoleAdmin} }

// Scope is what an API key may do. No key may change the account itself.
type Scope string

// The scopes. Admin is of use to admins only.
const (
	ScopeRead  Scope = "read"  // see jobs, files and usage, and fetch files
	ScopeWrite Scope = "write" // submit and change jobs, remove files
	ScopeAdmin Scope = "admin" // the routes below /admin
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite, ScopeAdmin} }

// AccountTokenKind is what a token that was mailed is good for.
type AccountTokenKind string

// The kinds.
const (
	TokenReset  AccountTokenKind = "reset"  // a new password
	TokenVerify AccountTokenKind = "verify" // the account's address
	TokenEmail  AccountTokenKind = "email"  // a new address
)

// AccountTokenKinds lists every kind.
func AccountTokenKinds() []AccountTokenKind {
	return []AccountTokenKind{TokenReset, TokenVerify, TokenEmail}
}

// MailKind is what a mail tells.
type MailKind string

// The kinds. The first three carry a token that is made when the mail is sent.
const (
	MailReset       MailKind = "reset"
	MailVerify      MailKind = "verify"
	MailEmail       MailKind = "email"         // to the new address
	MailChanged     MailKind = "email_changed" // to the old one
	MailJobFinished MailKind = "job_finished"  // completed, or failed with a reason
	MailLeaving     MailKind = "files_leaving"
	MailExists      MailKind = "account_exists" // somebody wanted to register with this address
	MailWelcome     MailKind = "welcome"        // an admin made the account; carries a token to choose a password
)

// MailKinds lists every kind.
func MailKinds() []MailKind {
	return []MailKind{MailReset, MailVerify, MailEmail, MailChanged, MailJobFinished, MailLeaving, MailExists, MailWelcome}
}

// Quiet says whether the mail is left out for users who want none (users.mails_off). Mails about the account always come.
func (k MailKind) Quiet() bool { return k == MailJobFinished || k == MailLeaving }

// JobFinishedMail is the data of a job_finished mail.
type JobFinishedMail struct {
	JobID  string `json:"job_id"`
	Name   string `json:"name"` // of the torrent, as hostile as it likes
	Status Status `json:"status"`
	Error  string `json:"error,omitempty"`
}

// LeavingMail is the data of a files_leaving mail.
type LeavingMail struct {
	Jobs []LeavingJob `json:"jobs"` // the first ones
	More int          `json:"more"` // how many there are beside them
}

// LeavingJob is a job whose files will be removed.
type LeavingJob struct {
	JobID    string `json:"job_id"`
	Name     string `json:"name"`
	LeavesAt string `json:"leaves_at"` // RFC 3339
}

// EmailChangedMail is the data of an email_changed mail.
type EmailChangedMail struct {
	Email string `json:"email"` // the new one
}
