package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
)

// readSubmission reads and judges the body of POST /jobs before anything is stored.
func readSubmission(e *core.RequestEvent) (*submission, error) {
	if isForm(e.Request) {
		return readForm(e)
	}
	var in struct {
		Magnet      string          `json:"magnet"`
		Selection   json.RawMessage `json:"selection"`
		SelectFiles bool            `json:"select_files"`
		Engine      string          `json:"engine"`
		Label       string          `json:"label"`
		Wait        bool            `json:"wait_for_quota"`
	}
	if err := readBody(e, &in); err != nil {
		return nil, err
	}
	s := &submission{selectFiles: in.SelectFiles, engine: in.Engine, label: in.Label, wait: in.Wait}
	return s, errorsOf(
		func() error { return s.setMagnet(in.Magnet) },
		func() error { return s.setSelection(in.Selection) },
		s.check,
	)
}

// errorsOf runs the steps until one fails.
func errorsOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *submission) setMagnet(link string) (err error) {
	if s.magnet, err = collections.ParseMagnet(link); err != nil {
		return err
	}
	s.selection = s.magnet.Select // so= (BEP 53); an explicit selection takes its place
	return nil
}

func (s *submission) setTorrent(b []byte) (err error) {
	s.metainfo, err = collections.ParseMetainfo(b)
	return err
}

func (s *submission) setSelection(raw json.RawMessage) (err error) {
	if len(raw) == 0 {
		return nil
	}
	s.selection, err = parseSelection(raw)
	return err
}

// check judges what takes more than one field.
func (s *submission) check() error {
	if len(s.label) > collections.MaxLabelBytes {
		return invalid("label", fmt.Sprintf("A label may have at most %d bytes.", collections.MaxLabelBytes))
	}
	if s.selectFiles && s.selection != nil {
		return invalid("select_files", "Either selection or select_files can be given.")
	}
	if s.metainfo != nil {
		return s.checkSelection()
	}
	return nil
}

// parseSelection reads "all" or a list of indexes and answers them in rising order, nil for all.
func parseSelection(raw json.RawMessage) ([]int, error) {
	var all string
	if json.Unmarshal(raw, &all) == nil && all == "all" {
		return nil, nil
	}
	var indexes []int
	if err := json.Unmarshal(raw, &indexes); err != nil || len(indexes) == 0 || len(indexes) > collections.MaxFiles {
		return nil, invalid("selection", `A selection is "all" or a list of file indexes.`)
	}
	slices.Sort(indexes)
	indexes = slices.Compact(indexes)
	if indexes[0] < 0 || indexes[len(indexes)-1] >= collections.MaxFiles {
		return nil, invalid("selection", fmt.Sprintf("File indexes lie between 0 and %d.", collections.MaxFiles-1))
	}
	return indexes, nil
}

// readForm reads the parts as a stream: a library that checks forms keeps several copies of a .torrent.
func readForm(e *core.RequestEvent) (*submission, error) {
	form, err := e.Request.MultipartReader()
	if err != nil {
		return nil, invalid("body", "The form cannot be read.")
	}
	fields := map[string][]byte{}
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, asFormError(err)
		}
		if err := readPart(part, fields); err != nil {
			return nil, err
		}
	}
	return fromForm(fields)
}

// maxFieldBytes is more than any of the short fields may have; their own checks say more.
const maxFieldBytes = 4 << 10

// formLimits are the parts a form may have and their limits in bytes.
var formLimits = map[string]int64{
	"torrent": collections.MaxMetainfoBytes, "magnet": collections.MaxMagnetBytes, "selection": collections.MaxLargeJSONBytes,
	"select_files": maxFieldBytes, "engine": maxFieldBytes, "label": maxFieldBytes, "wait_for_quota": maxFieldBytes,
}

func readPart(part *multipart.Part, fields map[string][]byte) error {
	name := part.FormName()
	limit, known := formLimits[name]
	if !known {
		return invalid(name, fmt.Sprintf("There is no field %q here.", name))
	}
	if _, twice := fields[name]; twice {
		return invalid(name, fmt.Sprintf("The field %q is there twice.", name))
	}
	b, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return asFormError(err)
	}
	if int64(len(b)) > limit {
		return tooLarge(limit)
	}
	fields[name] = b
	return nil
}

func fromForm(fields map[string][]byte) (*submission, error) {
	torrent, isTorrent := fields["torrent"]
	magnet, isMagnet := fields["magnet"]
	if isTorrent == isMagnet {
		return nil, invalid("torrent", "Either a torrent or a magnet must be given.")
	}
	s := &submission{
		engine: string(fields["engine"]), label: string(fields["label"]), selectFiles: string(fields["select_files"]) == "true",
		wait: string(fields["wait_for_quota"]) == "true",
	}
	return s, errorsOf(
		func() error { return checkFormFields(fields) },
		func() error {
			if isTorrent {
				return s.setTorrent(torrent)
			}
			return s.setMagnet(string(magnet))
		},
		func() error { return s.setSelection(formSelection(fields["selection"])) },
		s.check,
	)
}

// formSelection: in a form the word all has no quotes.
func formSelection(b []byte) json.RawMessage {
	if string(b) == "all" {
		return json.RawMessage(`"all"`)
	}
	return b
}

func checkFormFields(fields map[string][]byte) error {
	for _, name := range []string{"select_files", "wait_for_quota"} {
		if v, there := fields[name]; there && string(v) != "true" && string(v) != "false" {
			return invalid(name, name+" is true or false.")
		}
	}
	if err := checkEngine(string(fields["engine"])); err != nil {
		return err
	}
	if !utf8.Valid(fields["label"]) {
		return invalid("label", "A label is text in UTF-8.")
	}
	return nil
}

var engineName = regexp.MustCompile(`^([a-z0-9][a-z0-9._-]{0,63})?$`)

func asFormError(err error) error {
	if foreign, ok := errors.AsType[*router.ApiError](err); ok {
		return foreign
	}
	return &collections.Error{Code: collections.CodeInvalidInput, Message: "The form cannot be read.", Cause: err}
}

func tooLarge(limit int64) error {
	return &collections.Error{
		Code: collections.CodeTooLarge, Message: "The request is larger than allowed.", Data: map[string]any{"limit_bytes": limit},
	}
}
