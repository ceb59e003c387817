package api

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/schedule"
)

// words are the enums of openapi.yaml that the vocabulary knows, by schema or by schema and property.
var words = map[string][]string{
	"Status":                asWords(collections.Statuses()),
	"Job.desired":           asWords(collections.Wishes()),
	"AdminJob.desired":      asWords(collections.Wishes()),
	"AuditRow.actor_kind":   asWords([]hooks.ActorKind{hooks.ActorUser, hooks.ActorKey, hooks.ActorSuperuser, hooks.ActorNobody, hooks.ActorSystem}),
	"JobEvent.event_type":   asWords(collections.EventTypes()),
	"Role":                  asWords(collections.Roles()),
	"Scope":                 asWords(collections.Scopes()),
	"Registration":          asWords(collections.Registrations()),
	"SelectionTimeout":      asWords(collections.SelectionTimeouts()),
	"FileKind":              asWords(collections.FileKinds()),
	"ErrorCode":             asWords(collections.HTTPCodes()),
	"Schedule.last_outcome": {"", string(schedule.OK), string(schedule.Failed)},
}

// ownWords are enums of the HTTP surface alone.
var ownWords = []string{
	"Health.status", "Selection", "NewTorrentJob.select_files", "NewTorrentJob.wait_for_quota", "JobMessage.action", "FileMessage.action", "JobsChange.action",
	"InviteState",
}

func asWords[T ~string](values []T) (out []string) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

func TestDescriptionAndVocabularyHaveTheSameWords(t *testing.T) {
	spec, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	described := map[string][]string{}
	for name, schema := range spec.doc.Components.Schemas {
		enumsOf(name, schema, described)
	}
	for name, want := range words {
		if !slices.Equal(described[name], want) {
			t.Errorf("%s is %v in openapi.yaml, and %v in the vocabulary", name, described[name], want)
		}
	}
	for name := range described {
		if words[name] == nil && !slices.Contains(ownWords, name) {
			t.Errorf("the enum %s %v is compared with nothing", name, described[name])
		}
	}
}

// enumsOf collects the enums of a schema. A property that refers to another schema is that one's.
func enumsOf(name string, ref *openapi3.SchemaRef, into map[string][]string) {
	if len(ref.Value.Enum) > 0 {
		for _, v := range ref.Value.Enum {
			into[name] = append(into[name], v.(string))
		}
	}
	for property, inner := range ref.Value.Properties {
		if inner.Ref == "" {
			enumsOf(name+"."+property, inner, into)
		}
	}
	for _, inner := range ref.Value.OneOf {
		if inner.Ref == "" {
			enumsOf(name, inner, into)
		}
	}
	if items := ref.Value.Items; items != nil && items.Ref == "" {
		enumsOf(name, items, into)
	}
}

func TestErrorCodesHaveStatuses(t *testing.T) {
	for _, code := range collections.HTTPCodes() {
		if internal := code.HTTPStatus() == http.StatusInternalServerError; internal != (code == collections.CodeInternal) {
			t.Errorf("the code %s has the status %d", code, code.HTTPStatus())
		}
	}
}

// union finds a schema of string literals in the types for TypeScript.
var union = regexp.MustCompile(`(?m)^ +(\w+): ("[^;]*");$`)

func TestTypeScriptHasTheWordsOfTheVocabulary(t *testing.T) {
	source, err := os.ReadFile("../web/src/shared/api/schema.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	unions := map[string][]string{}
	for _, match := range union.FindAllStringSubmatch(string(source), -1) {
		var members []string
		for member := range strings.SplitSeq(match[2], " | ") {
			members = append(members, strings.Trim(member, `"`))
		}
		unions[match[1]] = append(unions[match[1]], strings.Join(members, " "))
	}
	for name, want := range words {
		_, last, nested := strings.Cut(name, ".")
		if !nested {
			last = name
		}
		if !slices.Contains(unions[last], strings.Join(want, " ")) {
			t.Errorf("%s is %q in TypeScript, and %v in the vocabulary", name, unions[last], want)
		}
	}
}
