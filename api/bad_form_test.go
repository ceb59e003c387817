package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/collections"
)

// part writes one part of a form with the boundary x.
func part(header, content string) string { return "--x\r\n" + header + "\r\n\r\n" + content + "\r\n" }

func field(name, content string) string {
	return part(fmt.Sprintf("Content-Disposition: form-data; name=%q", name), content)
}

func file(name, content string) string {
	return part(fmt.Sprintf("Content-Disposition: form-data; name=%q; filename=\"x.torrent\"", name), content)
}

const lastBoundary = "--x--\r\n"

func TestMalformedFormsAreRefusedWithoutEffect(t *testing.T) {
	h := newHarbour(t)
	good := file("torrent", string(torrent("T", testFile{"a", 1})))
	for name, tc := range map[string]struct {
		body string
		want collections.Code
	}{
		"nothing":                         {"", collections.CodeInvalidInput},
		"no part":                         {lastBoundary, collections.CodeInvalidInput},
		"no boundary":                     {"torrent=x", collections.CodeInvalidInput},
		"another boundary":                {strings.ReplaceAll(good+lastBoundary, "--x", "--y"), collections.CodeInvalidInput},
		"cut within a header":             {"--x\r\nContent-Disposition: form-da", collections.CodeInvalidInput},
		"cut within the content":          {good[:len(good)-40], collections.CodeInvalidInput},
		"cut before the last boundary":    {good, collections.CodeInvalidInput},
		"cut within the last boundary":    {good + "--", collections.CodeInvalidInput},
		"the torrent twice":               {good + good + lastBoundary, collections.CodeInvalidInput},
		"a label twice":                   {good + field("label", "a") + field("label", "b") + lastBoundary, collections.CodeInvalidInput},
		"a field that nobody knows":       {good + field("priority", "7") + lastBoundary, collections.CodeInvalidInput},
		"a field without a name":          {good + part("Content-Disposition: form-data", "x") + lastBoundary, collections.CodeInvalidInput},
		"a part that is no field":         {good + part("Content-Type: text/plain", "x") + lastBoundary, collections.CodeInvalidInput},
		"a torrent and a magnet":          {good + field("magnet", magnetA) + lastBoundary, collections.CodeInvalidInput},
		"neither torrent nor magnet":      {field("label", "x") + lastBoundary, collections.CodeInvalidInput},
		"an empty torrent":                {file("torrent", "") + lastBoundary, collections.CodeInvalidTorrent},
		"a torrent that is none":          {file("torrent", "<html>") + lastBoundary, collections.CodeInvalidTorrent},
		"a magnet that is none":           {field("magnet", "http://example.com") + lastBoundary, collections.CodeInvalidMagnet},
		"a header of 10 MiB":              {part("Content-Disposition: form-data; name=\"torrent\"; x=\""+strings.Repeat("x", 10<<20)+"\"", "x") + lastBoundary, collections.CodeInvalidInput},
		"20,000 headers":                  {part(strings.Repeat("X: y\r\n", 20_000)+`Content-Disposition: form-data; name="label"`, "x") + lastBoundary, collections.CodeInvalidInput},
		"20,000 parts":                    {strings.Repeat(field("x", ""), 20_000), collections.CodeInvalidInput},
		"a flag that is neither":          {good + field("select_files", "yes") + lastBoundary, collections.CodeInvalidInput},
		"a selection that is no JSON":     {good + field("selection", "0-5") + lastBoundary, collections.CodeInvalidInput},
		"a selection beyond the files":    {good + field("selection", "[1]") + lastBoundary, collections.CodeInvalidInput},
		"a deep selection":                {good + field("selection", strings.Repeat("[", 50_000)) + lastBoundary, collections.CodeInvalidInput},
		"a selection and waiting for one": {good + field("selection", "[0]") + field("select_files", "true") + lastBoundary, collections.CodeInvalidInput},
		"an engine that is no name":       {good + field("engine", "../../bin/sh") + lastBoundary, collections.CodeInvalidInput},
		"a label that is no text":         {good + field("label", "\xff\xfe") + lastBoundary, collections.CodeInvalidInput},
		"a label that is long":            {good + field("label", strings.Repeat("x", collections.MaxLabelBytes+1)) + lastBoundary, collections.CodeInvalidInput},
		"a label that is far too long":    {good + field("label", strings.Repeat("x", maxFieldBytes+1)) + lastBoundary, collections.CodeTooLarge},
		"a torrent that is too large":     {file("torrent", strings.Repeat("x", collections.MaxMetainfoBytes+1)) + lastBoundary, collections.CodeTooLarge},
		"a whole that is too large":       {strings.Repeat("x", collections.MaxMetainfoBytes+large+1), collections.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.refused(operation{route: route{method: "POST"}}, badRequest{
				name: name, by: h.ann, path: "/jobs", body: tc.body, want: tc.want, change: []func(*http.Request){header("Content-Type", "multipart/form-data; boundary=x")},
			})
		})
	}
	for _, contentType := range []string{"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("x", 71), "multipart/mixed; boundary=x"} {
		h.refused(operation{route: route{method: "POST"}}, badRequest{
			name: contentType, by: h.ann, path: "/jobs", body: good + lastBoundary, want: collections.CodeInvalidInput, change: []func(*http.Request){header("Content-Type", contentType)},
		})
	}
}
