package api

import (
	"regexp"

	"github.com/pocketbase/pocketbase/core"
)

// secretInQuery is how PocketBase's dashboard sends its short-lived tokens for files and backups.
var secretInQuery = regexp.MustCompile(`([?&]token=)[^&\s]+`)

// redactLog keeps secrets out of PocketBase's request log, which stores every URL.
func redactLog(e *core.ModelEvent) error {
	if log, ok := e.Model.(*core.Log); ok {
		log.Message = redact(log.Message)
		for _, name := range []string{"url", "referer"} {
			if s, ok := log.Data[name].(string); ok {
				log.Data[name] = redact(s)
			}
		}
	}
	return e.Next()
}

func redact(s string) string { return secretInQuery.ReplaceAllString(s, "${1}***") }
