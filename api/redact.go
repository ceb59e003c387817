package api

import (
	"bytes"
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// redactLog keeps secrets out of PocketBase's request log, which stores every URL, referer and error.
func redactLog(e *core.ModelEvent) error {
	log, ok := e.Model.(*core.Log)
	if !ok {
		return e.Next()
	}
	log.Message = collections.Redact(log.Message)
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // the & before a name in a query stays what it is
	if err := encoder.Encode(log.Data); err != nil {
		return err
	}
	var kept types.JSONMap[any]
	if err := json.Unmarshal([]byte(collections.Redact(data.String())), &kept); err != nil {
		return err
	}
	log.Data = kept
	return e.Next()
}
