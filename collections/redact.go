package collections

import "regexp"

// redacted stands for a secret in a log.
const redacted = "***"

// secrets are what Longshore and PocketBase hand out as secrets, as they look in URLs, headers and messages. The first group stays.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?i)([?&#](?:token|key|api_key|code|password|secret|sig|signature|passkey|x-amz-signature|x-amz-credential|x-amz-security-token)=)[^&\s"'#]+`),
	regexp.MustCompile(`((?:__Host-)?longshore=)[A-Za-z0-9_-]{20,}`),               // a session's cookie
	regexp.MustCompile(`(?i)(\bbearer )[A-Za-z0-9._~+/-]{8,}=*`),                   // an Authorization header
	regexp.MustCompile(`(\blsk_)[A-Za-z0-9]+`),                                     // an API key
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), // a JWT (RFC 7519)
}

// Redact takes the secrets out of what is about to be logged.
func Redact(s string) string {
	for _, secret := range secrets {
		s = secret.ReplaceAllString(s, "${1}"+redacted)
	}
	return s
}
