package collections

// Registration says who may make an account.
type Registration string

// The kinds.
const (
	RegistrationOpen   Registration = "open"
	RegistrationInvite Registration = "invite"
	RegistrationClosed Registration = "closed"
)

// Registrations lists every kind.
func Registrations() []Registration {
	return []Registration{RegistrationOpen, RegistrationInvite, RegistrationClosed}
}

// SelectionTimeout is what becomes of a job whose owner does not choose files.
type SelectionTimeout string

// The choices.
const (
	SelectionAll    SelectionTimeout = "all"    // every file is taken
	SelectionCancel SelectionTimeout = "cancel" // the job is cancelled
)

// SelectionTimeouts lists every choice.
func SelectionTimeouts() []SelectionTimeout {
	return []SelectionTimeout{SelectionAll, SelectionCancel}
}

// Settings are the operator's choices for the whole installation: one row, changed in the dashboard or by /admin/settings.
type Settings struct {
	Registration         Registration     `db:"registration" json:"registration"`
	RequireVerifiedEmail bool             `db:"require_verified_email" json:"require_verified_email"` // before a job is taken
	ContentOnce          bool             `db:"content_once" json:"content_once"`                     // one object for all jobs of a public torrent's file
	SelectionMinutes     int64            `db:"selection_minutes" json:"selection_minutes"`           // 0: a job waits for ever
	SelectionTimeout     SelectionTimeout `db:"selection_timeout" json:"selection_timeout"`
	RetentionWarningDays int64            `db:"retention_warning_days" json:"retention_warning_days"` // between warning and removal
	AUPVersion           string           `db:"aup_version" json:"aup_version"`                       // empty: nothing to accept
	AUPText              string           `db:"aup_text" json:"aup_text"`
	SubmitsPerMinute     int64            `db:"submits_per_minute" json:"submits_per_minute"`     // and user
	RequestsPerMinute    int64            `db:"requests_per_minute" json:"requests_per_minute"`   // and user, or address of nobody
	SignInsPerAccount    int64            `db:"sign_ins_per_account" json:"sign_ins_per_account"` // failed, in 15 minutes
	SignInsPerAddress    int64            `db:"sign_ins_per_address" json:"sign_ins_per_address"` // failed, in 15 minutes
}

// DefaultSettings are those of a new installation.
func DefaultSettings() Settings {
	return Settings{
		Registration: RegistrationInvite, ContentOnce: true, SelectionMinutes: 24 * 60, SelectionTimeout: SelectionAll,
		RetentionWarningDays: 3, AUPVersion: "1", AUPText: defaultAUP,
		SubmitsPerMinute: 300, RequestsPerMinute: 3000, SignInsPerAccount: 10, SignInsPerAddress: 30,
	}
}

const defaultAUP = `Use this service only for content that you may lawfully download and keep.
Do not use it to infringe the rights of others, to spread malware, or to harm the networks and people it reaches.
The operator may block torrents, remove content and close accounts that break these rules.`

// Columns answers the settings' row without its id.
func (s Settings) Columns() map[string]any {
	return map[string]any{
		"registration": string(s.Registration), "require_verified_email": s.RequireVerifiedEmail, "content_once": s.ContentOnce,
		"selection_minutes": s.SelectionMinutes, "selection_timeout": string(s.SelectionTimeout), "retention_warning_days": s.RetentionWarningDays,
		"aup_version": s.AUPVersion, "aup_text": s.AUPText, "submits_per_minute": s.SubmitsPerMinute, "requests_per_minute": s.RequestsPerMinute,
		"sign_ins_per_account": s.SignInsPerAccount, "sign_ins_per_address": s.SignInsPerAddress,
	}
}
