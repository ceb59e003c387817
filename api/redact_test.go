package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

func TestTheRequestLogKeepsNoToken(t *testing.T) {
	s := newServer(t)
	const url = "/api/files/torrents/a/b.torrent?download=1&token=eyJhbGciOi.x-y_z&thumb=0"
	log := &core.Log{Message: "GET " + url, Data: types.JSONMap[any]{"url": url, "referer": "http://localhost/?token=eyJhbGciOi", "status": 200}}
	log.Id = core.GenerateDefaultRandomId()
	if err := s.app.AuxSaveNoValidate(log); err != nil {
		t.Fatal(err)
	}
	var row core.Log
	if err := s.app.AuxModelQuery(&row).One(&row); err != nil {
		t.Fatal(err)
	}
	stored := fmt.Sprint(row.Message, row.Data)
	if strings.Contains(stored, "eyJ") || !strings.Contains(stored, "token=***&thumb=0") || !strings.Contains(stored, `"status":200`) {
		t.Errorf("the log has %s", stored)
	}
}
