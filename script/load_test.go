package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAScriptThatCannotBeRunIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, why string }{
		"a slip of the pen":                   {`onJobSubmit((e) => {`, "Unexpected end"},
		"a moment that does not exist":        {`onJobSubmit(() => {}); onJobSubmitted(() => {})`, "onJobSubmitted"},
		"a hook of PocketBase's that is none": {`onRecordUpdated(() => {})`, "onRecordUpdated"},
		"a throw at the top level":            {`onJobSubmit(() => {}); throw new Error("not today")`, "not today"},
		"a throw for PocketBase":              {`onRecordUpdate(() => {}, "jobs"); throw new Error("not today")`, "not today"},
		"a loop at the top level":             {`onJobSubmit(() => {}); while (true) {}`, "too long"},
		"no function":                         {`onJobSubmit("x")`, "takes a function"},
		"a status that does not exist":        {`onJobStatus(() => {}, "finished")`, "finished"},
		"a tag where there are none":          {`onLinkSign(() => {}, "x")`, "narrowed"},
		"an act at the top level":             {`onJobSubmit(() => {}); $longshore.cancel("x")`, "in a handler only"},
		"a variable that is not declared":     {`onJobSubmit(() => {}); rules = []`, "rules"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tryLoad(t, map[string]string{"fine.pb.js": `onJobStatus(() => {})`, "broken.pb.js": c.text}, func(cfg *Config) { cfg.TellLimit = time.Second })
			if err == nil || !strings.Contains(err.Error(), "broken.pb.js") || !strings.Contains(err.Error(), c.why) {
				t.Errorf("answered %v", err)
			}
		})
	}
}

func TestNoFolderMeansNoScripts(t *testing.T) {
	r, err := tryLoad(t, nil, func(cfg *Config) { cfg.Dir = filepath.Join(cfg.Dir, "missing") })
	if err != nil {
		t.Fatal(err)
	}
	if e, err := r.submit(); err != nil || e.Label != "mine" {
		t.Error(e.Label, err)
	}
	if _, err := os.Stat(filepath.Join(r.app.DataDir(), "types.d.ts")); err == nil {
		t.Error("declarations were written for nobody")
	}
}

func TestWhoReadsAScript(t *testing.T) {
	for name, c := range map[string]struct {
		text             string
		ours, pocketBase bool
	}{
		"only a moment":        {`onJobSubmit((e) => {})`, true, false},
		"only a hook":          {`onRecordUpdate((e) => e.next(), "jobs")`, false, true},
		"both":                 {`onLinkSign(() => {}); cronAdd("x", "* * * * *", () => {})`, true, true},
		"a route":              {`routerAdd("GET", "/hello", (e) => e.string(200, "hi"))`, false, true},
		"neither":              {`console.log("started")`, false, true},
		"a moment, misspelt":   {`onJobSubmited((e) => {})`, false, true},
		"a moment as a method": {`const o = { onJobStatus() {} }`, true, false},
	} {
		src := source{"x.pb.js", c.text}
		if src.isOurs() != c.ours || src.isPocketBases() != c.pocketBase {
			t.Errorf("%s: ours %v, PocketBase's %v", name, src.isOurs(), src.isPocketBases())
		}
	}
}
